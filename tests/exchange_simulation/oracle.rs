//! An independent reader of messages: `httparse` for heads, the plainest code for bodies. Shares nothing with the proxy.

/// A message with its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method or status.
    pub(crate) first: String,
    pub(crate) target: String,
    pub(crate) minor: u8,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
}

/// What there is of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The head is incomplete.
    Head,
    /// The head is there, the body is not complete.
    Body(Message),
    /// As before, and only the connection's end will complete it.
    UntilClose(Message),
    /// All is there, and took this many bytes.
    Whole(Message, usize),
}

impl Message {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.fields.iter().filter(|(own, _)| own == name);
        let value = std::str::from_utf8(&all.next()?.1).ok()?;
        assert!(all.next().is_none() || name == "via", "{name} is repeated");
        Some(value)
    }
}

/// Reads a request, as a strict server.
pub(crate) fn request(bytes: &[u8]) -> Result<Read, String> {
    let mut headers = [httparse::EMPTY_HEADER; 200];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes).map_err(|fault| format!("request head: {fault}"))? {
        httparse::Status::Partial => return Ok(Read::Head),
        httparse::Status::Complete(length) => length,
    };
    let message = Message {
        first: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        minor: parsed.version.unwrap_or_default(),
        fields: fields(parsed.headers),
        ..Message::default()
    };
    body(message, bytes, length, false)
}

/// Reads a response to `method`, as a strict client.
pub(crate) fn response(bytes: &[u8], method: &str) -> Result<Read, String> {
    let mut headers = [httparse::EMPTY_HEADER; 200];
    let mut parsed = httparse::Response::new(&mut headers);
    let length = match parsed.parse(bytes).map_err(|fault| format!("response head: {fault}"))? {
        httparse::Status::Partial => return Ok(Read::Head),
        httparse::Status::Complete(length) => length,
    };
    let status = parsed.code.unwrap_or_default();
    let message = Message {
        first: status.to_string(),
        minor: parsed.version.unwrap_or_default(),
        fields: fields(parsed.headers),
        ..Message::default()
    };
    if method == "HEAD" || status < 200 || status == 204 || status == 304 {
        return Ok(Read::Whole(message, length));
    }
    body(message, bytes, length, true)
}

fn fields(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect()
}

fn body(mut message: Message, bytes: &[u8], length: usize, is_response: bool) -> Result<Read, String> {
    let rest = &bytes[length..];
    match (message.field("transfer-encoding"), message.field("content-length")) {
        (Some(_), Some(_)) => Err("both lengths".to_owned()),
        (Some("chunked"), None) => {
            let taken = chunks(&mut message, rest)?;
            Ok(taken.map_or_else(
                || Read::Body(message.clone()),
                |taken| Read::Whole(message.clone(), length + taken),
            ))
        }
        (Some(coding), None) => Err(format!("transfer coding {coding}")),
        (None, Some(digits)) => {
            let size: usize = digits.parse().map_err(|_| format!("length {digits}"))?;
            message.body = rest[..size.min(rest.len())].to_vec();
            let whole = message.body.len() == size;
            Ok(if whole { Read::Whole(message, length + size) } else { Read::Body(message) })
        }
        (None, None) if is_response => {
            message.body = rest.to_vec();
            Ok(Read::UntilClose(message))
        }
        (None, None) => Ok(Read::Whole(message, length)),
    }
}

/// Adds content and trailers; how many bytes they took, `None` if incomplete.
fn chunks(message: &mut Message, bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        let Some(line) = line(&bytes[at..]) else { return Ok(None) };
        let text = std::str::from_utf8(line).map_err(|_| "chunk line".to_owned())?;
        let size = usize::from_str_radix(text, 16).map_err(|_| format!("chunk line {text:?}"))?;
        at += line.len() + 2;
        if size == 0 {
            break;
        }
        let data = &bytes[at..bytes.len().min(at + size)];
        message.body.extend_from_slice(data);
        if data.len() < size || bytes.len() < at + size + 2 {
            return Ok(None);
        }
        at += size;
        if &bytes[at..at + 2] != b"\r\n" {
            return Err("chunk end".to_owned());
        }
        at += 2;
    }
    loop {
        let Some(line) = line(&bytes[at..]) else { return Ok(None) };
        at += line.len() + 2;
        if line.is_empty() {
            return Ok(Some(at));
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or("trailer without a colon")?;
        let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
        message.trailers.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
}

fn line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.windows(2).position(|pair| pair == b"\r\n").map(|at| &bytes[..at])
}
