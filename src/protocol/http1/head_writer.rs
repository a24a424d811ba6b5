//! Start lines and fields to bytes. What is written was validated before; nothing is checked again in release builds.

use super::syntax::{is_text_byte, is_token};

/// Appends one head to a buffer that its caller reuses.
#[derive(Debug)]
pub struct HeadWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> HeadWriter<'a> {
    /// A writer behind what `out` holds.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// `METHOD target HTTP/1.1`
    pub fn request_line(&mut self, method: &[u8], target: &[u8]) {
        debug_assert!(is_token(method) && !target.is_empty() && target.iter().all(u8::is_ascii_graphic));
        self.append(&[method, b" ", target, b" HTTP/1.1\r\n"]);
    }

    /// `HTTP/1.1 status reason`; the space before an empty reason stays, as RFC 9112 section 4 wants it.
    pub fn status_line(&mut self, status: u16, reason: &[u8]) {
        debug_assert!((100..1000).contains(&status) && reason.iter().all(|&byte| is_text_byte(byte)));
        self.append(&[b"HTTP/1.1 ", itoa::Buffer::new().format(status).as_bytes(), b" ", reason, b"\r\n"]);
    }

    /// `name: value`
    #[inline]
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(is_token(name) && value.iter().all(|&byte| is_text_byte(byte)));
        self.append(&[name, b": ", value, b"\r\n"]);
    }

    /// `name: value` with what `append` appends; nothing when it returns false.
    pub fn field_if(&mut self, name: &[u8], append: impl FnOnce(&mut Vec<u8>) -> bool) {
        let start = self.out.len();
        self.append(&[name, b": "]);
        let value = self.out.len();
        if append(self.out) {
            debug_assert!(is_token(name) && self.out[value..].iter().all(|&byte| is_text_byte(byte)));
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.out.truncate(start);
        }
    }

    /// `name: value` with a number.
    pub fn field_number(&mut self, name: &[u8], value: u64) {
        self.field(name, itoa::Buffer::new().format(value).as_bytes());
    }

    /// The empty line.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn append(&mut self, parts: &[&[u8]]) {
        self.out.reserve(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }
}

/// The registered phrase for `status` (IANA, RFC 9110 section 15), empty if there is none.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
