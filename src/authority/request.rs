//! A request as its bytes come: head and form, within their bounds. One per connection.

use zeroize::Zeroizing;

use super::answer::Refusal;
use crate::limits::{AUTHORITY_FORM_BYTES, AUTHORITY_HEAD_BYTES, CONTROL_HEADER_COUNT};

/// A whole request. There is no `Debug`: it carries secrets and tokens.
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query, which nothing here reads: what stands in it would stand in logs.
    pub(super) path: String,
    pub(super) host: Vec<u8>,
    /// Whether a web page sent it.
    pub(super) has_origin: bool,
    pub(super) authorization: Option<Zeroizing<Vec<u8>>>,
    pub(super) content_type: Option<Vec<u8>>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Request {
    /// Reads the request that `bytes` begin with; `None` until all of it is there.
    ///
    /// # Errors
    /// [`Refusal`]: what it is answered.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Refusal> {
        let mut fields = [httparse::EMPTY_HEADER; CONTROL_HEADER_COUNT];
        let mut head = httparse::Request::new(&mut fields);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Partial) if bytes.len() < AUTHORITY_HEAD_BYTES => return Ok(None),
            Ok(httparse::Status::Complete(length)) if length <= AUTHORITY_HEAD_BYTES => length,
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLong),
            Err(_) => return Err(Refusal::Malformed),
        };
        let host = one(head.headers, "host")?.ok_or(Refusal::Malformed)?.to_vec();
        let expected = body_length(head.headers)?;
        let Some(body) = bytes.get(length..).and_then(|rest| rest.get(..expected)) else { return Ok(None) };
        let target = head.path.unwrap_or_default();
        Ok(Some(Self {
            method: head.method.unwrap_or_default().to_owned(),
            path: target.split_once('?').map_or(target, |(path, _)| path).to_owned(),
            host,
            has_origin: one(head.headers, "origin")?.is_some(),
            authorization: one(head.headers, "authorization")?.map(|value| Zeroizing::new(value.to_vec())),
            content_type: one(head.headers, "content-type")?.map(<[u8]>::to_vec),
            body: Zeroizing::new(body.to_vec()),
        }))
    }

    /// Whether its body is said to be a form.
    pub(super) fn has_form(&self) -> bool {
        let kind = self.content_type.as_deref().and_then(|value| value.split(|byte| *byte == b';').next());
        kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
    }
}

/// The value of a field that may stand once.
fn one<'h>(fields: &[httparse::Header<'h>], name: &str) -> Result<Option<&'h [u8]>, Refusal> {
    let mut found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Refusal::Malformed),
        (field, None) => Ok(field.map(|field| field.value)),
    }
}

fn body_length(fields: &[httparse::Header<'_>]) -> Result<usize, Refusal> {
    if one(fields, "transfer-encoding")?.is_some() {
        return Err(Refusal::Length);
    }
    let Some(digits) = one(fields, "content-length")? else { return Ok(0) };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed);
    }
    let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    length.filter(|length| *length <= AUTHORITY_FORM_BYTES).ok_or(Refusal::BodyTooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_at_its_last_byte_and_not_before() {
        let text = b"POST /oauth/v1/token?a=b HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded; \
                     charset=utf-8\r\nContent-Length: 3\r\n\r\nx=ymore";
        let whole = text.len() - 4;
        for end in 0..whole {
            assert!(matches!(Request::read(&text[..end]), Ok(None)), "{end}");
        }
        for end in [whole, text.len()] {
            let request = Request::read(&text[..end]).ok().flatten().unwrap();
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/oauth/v1/token"));
            assert_eq!((request.body.as_slice(), request.has_form()), (b"x=y".as_slice(), true));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let check = |fields: &str, expected: Refusal| {
            let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            assert_eq!(Request::read(text.as_bytes()).err(), Some(expected), "{fields}");
        };
        check("Host: b\r\n", Refusal::Malformed);
        check("Authorization: a\r\nAuthorization: a\r\n", Refusal::Malformed);
        check("Content-Length: 1\r\nContent-Length: 1\r\n", Refusal::Malformed);
        check("Content-Length: +1\r\n", Refusal::Malformed);
        check("Content-Length: \r\n", Refusal::Malformed);
        check("Transfer-Encoding: chunked\r\n", Refusal::Length);
        check(&format!("Content-Length: {}\r\n", AUTHORITY_FORM_BYTES + 1), Refusal::BodyTooLong);
        check("Content-Length: 99999999999999999999999\r\n", Refusal::BodyTooLong);
        check(&"A: b\r\n".repeat(CONTROL_HEADER_COUNT), Refusal::HeadTooLong);
        check(&format!("A: {}\r\n", "b".repeat(AUTHORITY_HEAD_BYTES)), Refusal::HeadTooLong);
        assert_eq!(Request::read(b"GET / HTTP/1.1\r\n\r\n").err(), Some(Refusal::Malformed));
        assert_eq!(Request::read(&b"a".repeat(AUTHORITY_HEAD_BYTES)).err(), Some(Refusal::HeadTooLong));
        assert_eq!(Request::read(b"\x16\x03\x01").err(), Some(Refusal::Malformed));
    }
}
