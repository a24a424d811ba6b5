//! A small strict reader of HTTP/1.1 messages, written from RFC 9112 alone and independent of the crate under test.
//! What it does not understand it reports as a fault, so that no test passes on a guess.

use super::wire::{End, Wire, shown};

/// Field lines in order, names as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, Vec<u8>)>);

impl Fields {
    /// The values of all fields of this name, whatever its case, as text.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let named = self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The value of the only field of this name.
    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let mut all = self.all(name);
        assert!(all.len() <= 1, "{name} stands {} times: {all:?}", all.len());
        all.pop()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }
}

/// How a body was delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length,
    Chunked,
    Close,
}

/// A message as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) start_line: String,
    pub(crate) fields: Fields,
    pub(crate) framing: Framing,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
}

/// Why there is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ended before the first byte.
    Nothing(End),
    /// The connection ended inside the message.
    Cut(End),
    /// What came is no message.
    Malformed(String),
}

/// What a response answers: some have no body whatever they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Head,
    Other,
}

impl Message {
    /// The status of a response.
    #[track_caller]
    pub(crate) fn status(&self) -> u16 {
        let status = self.start_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {:?}", self.start_line))
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.start_line.split(' ').nth(1).unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The reason token of a problem made by the proxy; panics with the response when it is none.
    #[track_caller]
    pub(crate) fn reason(&self) -> String {
        assert_eq!(self.fields.get("content-type").as_deref(), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).expect("a problem in JSON");
        assert_eq!(problem["status"], self.status(), "{self:?}");
        let proxy_status = self.fields.get("proxy-status").unwrap_or_default();
        assert!(proxy_status.starts_with("ringwall; error="), "{self:?}");
        problem["reason"].as_str().expect("a reason").to_owned()
    }
}

/// Reads a head: start line and fields.
pub(crate) fn read_head(wire: &mut Wire) -> Result<Message, Fault> {
    let end = loop {
        if let Some(end) = find(&wire.unread, b"\r\n\r\n") {
            break end + 4;
        }
        let nothing = wire.unread.is_empty();
        wire.fill().map_err(|end| if nothing { Fault::Nothing(end) } else { Fault::Cut(end) })?;
    };
    let head: Vec<u8> = wire.unread.drain(..end).collect();
    let mut lines = split_lines(&head[..end - 2])?.into_iter();
    let start_line = String::from_utf8(lines.next().unwrap_or_default().to_vec())
        .map_err(|_| Fault::Malformed(format!("start line of {}", shown(&head))))?;
    if start_line.split(' ').filter(|part| !part.is_empty()).count() < 2 {
        return Err(Fault::Malformed(format!("start line {start_line:?}")));
    }
    let fields = lines.map(field).collect::<Result<_, _>>()?;
    let (body, trailers) = (Vec::new(), Fields::default());
    Ok(Message { start_line, fields: Fields(fields), framing: Framing::None, body, trailers })
}

/// Reads a whole request.
pub(crate) fn read_request(wire: &mut Wire) -> Result<Message, Fault> {
    let mut request = read_head(wire)?;
    if !request.start_line.ends_with(" HTTP/1.1") {
        return Err(Fault::Malformed(format!("request line {:?}", request.start_line)));
    }
    let framing = declared_framing(&request)?;
    read_body(wire, &mut request, framing.unwrap_or(Framing::None))?;
    Ok(request)
}

/// Reads a whole final response; an interim one is a fault.
pub(crate) fn read_response(wire: &mut Wire, answers: Answers) -> Result<Message, Fault> {
    let mut response = read_head(wire)?;
    if !response.start_line.starts_with("HTTP/1.1 ") || response.status() < 200 {
        return Err(Fault::Malformed(format!("status line {:?}", response.start_line)));
    }
    let framing = declared_framing(&response)?;
    let bodyless = answers == Answers::Head || matches!(response.status(), 204 | 304);
    read_body(wire, &mut response, if bodyless { Framing::None } else { framing.unwrap_or(Framing::Close) })?;
    Ok(response)
}

/// What the fields say of the body's end; both at once, or one twice, is a fault.
fn declared_framing(message: &Message) -> Result<Option<Framing>, Fault> {
    let (lengths, codings) = (message.fields.all("content-length"), message.fields.all("transfer-encoding"));
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(None),
        ([length], []) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(Framing::Length))
        }
        ([], [coding]) if coding == "chunked" => Ok(Some(Framing::Chunked)),
        _ => Err(Fault::Malformed(format!("lengths {lengths:?}, codings {codings:?}"))),
    }
}

fn read_body(wire: &mut Wire, message: &mut Message, framing: Framing) -> Result<(), Fault> {
    message.framing = framing;
    match framing {
        Framing::None => {}
        Framing::Length => {
            let length = message.fields.get("content-length").and_then(|length| length.parse().ok());
            message.body = take(wire, length.ok_or_else(|| Fault::Malformed("length".into()))?)?;
        }
        Framing::Chunked => while read_chunk(wire, message)? {},
        Framing::Close => loop {
            match wire.fill() {
                Ok(_) => {}
                Err(End::Closed) => {
                    message.body = std::mem::take(&mut wire.unread);
                    break;
                }
                Err(End::Reset) => return Err(Fault::Cut(End::Reset)),
            }
        },
    }
    Ok(())
}

/// Reads one chunk into the body; false when it was the last, with its trailers.
fn read_chunk(wire: &mut Wire, message: &mut Message) -> Result<bool, Fault> {
    let line = take_line(wire)?;
    // What the proxy sends has no extensions: they are hop-by-hop.
    let size = std::str::from_utf8(&line).ok().and_then(|line| usize::from_str_radix(line, 16).ok());
    let size = size.ok_or_else(|| Fault::Malformed(format!("chunk line {}", shown(&line))))?;
    if size > 0 {
        message.body.append(&mut take(wire, size)?);
        return if take(wire, 2)? == b"\r\n" { Ok(true) } else { Err(Fault::Malformed("chunk end".into())) };
    }
    loop {
        let line = take_line(wire)?;
        if line.is_empty() {
            return Ok(false);
        }
        message.trailers.0.push(field(&line)?);
    }
}

/// Takes exactly `count` bytes.
pub(crate) fn take(wire: &mut Wire, count: usize) -> Result<Vec<u8>, Fault> {
    while wire.unread.len() < count {
        wire.fill().map_err(Fault::Cut)?;
    }
    Ok(wire.unread.drain(..count).collect())
}

/// Takes a line without its CRLF.
fn take_line(wire: &mut Wire) -> Result<Vec<u8>, Fault> {
    loop {
        if let Some(end) = find(&wire.unread, b"\r\n") {
            let mut line = take(wire, end + 2)?;
            line.truncate(end);
            return Ok(line);
        }
        wire.fill().map_err(Fault::Cut)?;
    }
}

fn split_lines(section: &[u8]) -> Result<Vec<&[u8]>, Fault> {
    let mut lines = Vec::new();
    let mut rest = section;
    while let Some(end) = find(rest, b"\r\n") {
        let line = &rest[..end];
        if line.contains(&b'\r') || line.contains(&b'\n') || line.contains(&0) {
            return Err(Fault::Malformed(format!("line {}", shown(line))));
        }
        lines.push(line);
        rest = &rest[end + 2..];
    }
    Ok(lines)
}

fn field(line: impl AsRef<[u8]>) -> Result<(String, Vec<u8>), Fault> {
    let line = line.as_ref();
    let fault = || Fault::Malformed(format!("field line {}", shown(line)));
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(fault)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(fault());
    }
    Ok((String::from_utf8_lossy(name).into_owned(), value.trim_ascii().to_vec()))
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
