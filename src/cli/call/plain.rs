//! `--payload off`: the same call in plain HTTP, to compare with. What is sealed never comes here.

use crate::client::transport::{Link, Timeouts, TlsTrust, Wait};
use crate::client::{Content, OUTER_HEAD_LIMITS, Origin, Request, ResponseHead, Sink, Tap};
use crate::limits;
use crate::protocol::http1::{HeadWriter, LAST_CHUNK, Method, ResponsePiece, ResponseReader, chunk_line};

use super::watch::Watch;

/// Where to, and how.
pub(super) struct Plain<'a> {
    pub(super) origin: &'a Origin,
    pub(super) trust: &'a TlsTrust,
    pub(super) timeouts: Timeouts,
}

impl Plain<'_> {
    /// Sends `request` and gives `sink` the response. What went wrong is for the user to read.
    pub(super) fn make(
        &self,
        request: &Request,
        content: &mut dyn Content,
        sink: &mut dyn Sink,
        watch: &mut Watch,
    ) -> Result<(), String> {
        let head = head(request, content.length())?;
        let mut link =
            Link::connect(self.origin, self.trust, self.timeouts).map_err(|error| error.to_string())?;
        watch.request_head(&head);
        let mut reader = ResponseReader::new(Method::of(request.method.as_bytes()), OUTER_HEAD_LIMITS);
        // An answer that comes before all is sent ends the sending.
        let sent = send(&mut link, &head, content);
        let mut bytes = vec![0; limits::CLIENT_READ_BYTES];
        loop {
            match link.receive(&mut bytes, Wait::Idle) {
                Ok(None) => continue,
                Ok(Some(0)) => reader.end(),
                Ok(Some(count)) => reader.push(bytes.get(..count).unwrap_or_default()),
                Err(error) => return Err(sent.err().unwrap_or_else(|| error.to_string())),
            }
            if receive(&mut reader, sink, watch)? {
                return Ok(());
            }
        }
    }
}

/// Gives `sink` what there is. `true`: that was the end.
fn receive(reader: &mut ResponseReader, sink: &mut dyn Sink, watch: &mut Watch) -> Result<bool, String> {
    loop {
        let taken = match reader.advance().map_err(|fault| fault.to_string())? {
            ResponsePiece::NeedMore => return Ok(false),
            ResponsePiece::End => return Ok(true),
            ResponsePiece::Head(head) => {
                watch.response_head(&head.bytes);
                let lower = |(name, value): (String, Vec<u8>)| (name.to_ascii_lowercase(), value);
                let fields = head.fields.into_iter().map(lower).collect();
                sink.head(&ResponseHead { status: head.status, fields })
            }
            ResponsePiece::Body(bytes) => sink.content(bytes),
        };
        taken.map_err(|error| format!("the response cannot be written: {error}"))?;
    }
}

fn head(request: &Request, length: Option<u64>) -> Result<Vec<u8>, String> {
    // The same rules as inside a sealed message: nothing that could be read as another request.
    request.check().map_err(|fault| fault.to_string())?;
    let mut head = Vec::new();
    let mut writer = HeadWriter::new(&mut head);
    writer.request_line(request.method.as_bytes(), request.path.as_bytes());
    writer.field(b"host", request.authority.as_bytes());
    for (name, value) in
        request.fields.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
    {
        writer.field(name.as_bytes(), value);
    }
    match length {
        Some(0) if matches!(request.method.as_str(), "GET" | "HEAD") => {}
        Some(length) => writer.field_number(b"content-length", length),
        None => writer.field(b"transfer-encoding", b"chunked"),
    }
    writer.field(b"connection", b"close");
    writer.end();
    Ok(head)
}

fn send(link: &mut Link, head: &[u8], content: &mut dyn Content) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    send_all(link, head).map_err(failed)?;
    let is_chunked = content.length().is_none();
    let mut piece = [0; limits::CLIENT_READ_BYTES];
    loop {
        let count = content.read(&mut piece).map_err(failed)?;
        if count == 0 {
            break;
        }
        let piece = piece.get(..count).unwrap_or_default();
        if is_chunked {
            let framed = [chunk_line(count).as_bytes(), piece, b"\r\n"].concat();
            send_all(link, &framed).map_err(failed)?;
        } else {
            send_all(link, piece).map_err(failed)?;
        }
    }
    if is_chunked {
        send_all(link, LAST_CHUNK).map_err(failed)?;
    }
    Ok(())
}

fn send_all(link: &mut Link, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let count = link.send(bytes)?;
        bytes = bytes.get(count..).unwrap_or_default();
        link.check_stalled()?;
    }
    while !link.flush()? {
        link.check_stalled()?;
    }
    Ok(())
}
