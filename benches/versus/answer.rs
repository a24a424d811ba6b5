//! One response as the load generator reads it: its head checked, its body counted, by `Content-Length` or chunks.
//!
//! Bytes of a body are discarded in the kernel where nobody wants to see them.

use std::ops::RangeInclusive;

use crate::channel::Want;

/// What is read of a connection where a head is expected.
const HEAD_READ_BYTES: usize = 16 * 1024;
/// The same where the line between two chunks is.
const LINE_READ_BYTES: usize = 64;
/// More than the line before a chunk has.
const LINE_BYTES_MAX: usize = 64;

/// What a response must be.
pub(crate) struct Expected {
    pub(crate) body_bytes: RangeInclusive<usize>,
    pub(crate) media_type: Option<&'static str>,
    /// 429 is counted apart and is no fault.
    pub(crate) may_be_refused: bool,
    /// Whether all of its bytes are kept.
    pub(crate) is_kept: bool,
}

impl Expected {
    /// 200 with so many bytes.
    pub(crate) fn bytes(count: usize) -> Self {
        Expected { body_bytes: count..=count, media_type: None, may_be_refused: false, is_kept: false }
    }
}

/// Reads the responses of one connection, one after the other.
#[derive(Default)]
pub(crate) struct AnswerReader {
    stage: Stage,
    /// A head, or a line between chunks, that came in pieces.
    pieces: Vec<u8>,
    body_bytes: usize,
    is_refused: bool,
    is_last: bool,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    /// No request was sent.
    #[default]
    Idle,
    Head,
    Length {
        left: usize,
    },
    ChunkSize,
    ChunkData {
        left: usize,
    },
    /// The end of line behind a chunk.
    ChunkEnd,
    /// The empty line behind the last chunk.
    LastLine,
    Done,
}

impl AnswerReader {
    /// A request is sent.
    pub(crate) fn begin(&mut self) {
        self.stage = Stage::Head;
        self.body_bytes = 0;
        self.is_refused = false;
        self.is_last = false;
        self.kept.clear();
    }

    /// The response was taken note of.
    pub(crate) fn finish(&mut self) {
        self.stage = Stage::Idle;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether it was 429.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether it was 429 and the connection ends with it.
    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    /// The whole response, if it was to be kept.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// What to read next.
    pub(crate) fn wants(&self, expected: &Expected) -> Want {
        match self.stage {
            _ if expected.is_kept => Want::Read(HEAD_READ_BYTES),
            Stage::Length { left } | Stage::ChunkData { left } => Want::Discard(left),
            Stage::ChunkSize | Stage::ChunkEnd | Stage::LastLine => Want::Read(LINE_READ_BYTES),
            Stage::Idle | Stage::Head | Stage::Done => Want::Read(HEAD_READ_BYTES),
        }
    }

    /// Takes what came; of discarded bytes the length alone counts.
    pub(crate) fn take(&mut self, mut bytes: &[u8], expected: &Expected) -> Result<(), String> {
        if expected.is_kept {
            self.kept.extend_from_slice(bytes);
        }
        while !bytes.is_empty() {
            let taken = match self.stage {
                Stage::Idle => return Err("the target sent bytes without a request".into()),
                Stage::Done => return Err("bytes beyond the response".into()),
                Stage::Head => self.take_head(bytes, expected)?,
                Stage::Length { left } => {
                    let left = left.checked_sub(bytes.len()).ok_or("bytes beyond the response")?;
                    self.stage = if left == 0 { Stage::Done } else { Stage::Length { left } };
                    bytes.len()
                }
                Stage::ChunkData { left } => {
                    let taken = left.min(bytes.len());
                    let left = left - taken;
                    self.stage = if left == 0 { Stage::ChunkEnd } else { Stage::ChunkData { left } };
                    taken
                }
                Stage::ChunkSize | Stage::ChunkEnd | Stage::LastLine => self.take_line(bytes, expected)?,
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn take_head(&mut self, bytes: &[u8], expected: &Expected) -> Result<usize, String> {
        let before = self.pieces.len();
        let parsed = if before == 0 {
            parse_head(bytes, expected)?
        } else {
            self.pieces.extend_from_slice(bytes);
            parse_head(&self.pieces, expected)?
        };
        let Some(head) = parsed else {
            if before == 0 {
                self.pieces.extend_from_slice(bytes);
            }
            return Ok(bytes.len());
        };
        self.pieces.clear();
        self.is_refused = head.is_refused;
        self.is_last = head.is_refused && head.closes;
        self.stage = match head.length {
            Some(0) => Stage::Done,
            Some(left) => Stage::Length { left },
            None => Stage::ChunkSize,
        };
        Ok(head.bytes - before)
    }

    /// The line between two chunks, or behind the last.
    fn take_line(&mut self, bytes: &[u8], expected: &Expected) -> Result<usize, String> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.pieces.extend_from_slice(bytes);
            let fits = self.pieces.len() <= LINE_BYTES_MAX;
            return if fits { Ok(bytes.len()) } else { Err("a chunk without a length".into()) };
        };
        self.pieces.extend_from_slice(&bytes[..end]);
        let line = std::str::from_utf8(self.pieces.trim_ascii()).map_err(|fault| fault.to_string())?;
        self.stage = match self.stage {
            Stage::ChunkSize => match usize::from_str_radix(line, 16) {
                Ok(0) => Stage::LastLine,
                Ok(left) => {
                    self.body_bytes += left;
                    Stage::ChunkData { left }
                }
                Err(_) => return Err(format!("a chunk's length that is no number: {line:?}")),
            },
            _ if !line.is_empty() => return Err(format!("{line:?} where a line was to end")),
            Stage::ChunkEnd => Stage::ChunkSize,
            _ => {
                check_length(self.body_bytes, expected)?;
                Stage::Done
            }
        };
        self.pieces.clear();
        Ok(end + 1)
    }
}

struct Head {
    bytes: usize,
    /// Of the body; absent: it comes in chunks.
    length: Option<usize>,
    is_refused: bool,
    closes: bool,
}

/// Checks a response head; `None` for an incomplete one.
fn parse_head(bytes: &[u8], expected: &Expected) -> Result<Option<Head>, String> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let head_bytes = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(fault) => return Err(format!("a response head that is no HTTP: {fault}")),
    };
    let is_refused = expected.may_be_refused && response.code == Some(429);
    if response.code != Some(200) && !is_refused {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
        return Err(format!("a response other than 200: {shown}"));
    }
    let field = |name: &str| {
        let found = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.and_then(|field| std::str::from_utf8(field.value).ok())
    };
    let length = field("content-length").and_then(|length| length.parse::<usize>().ok());
    let is_chunked = field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    if length.is_none() && !is_chunked {
        return Err("a response of unknown length".into());
    }
    if !is_refused {
        if expected.media_type.is_some() && field("content-type") != expected.media_type {
            return Err(format!("a response of type {:?}", field("content-type")));
        }
        length.map_or(Ok(()), |length| check_length(length, expected))?;
    }
    let closes = field("connection").is_some_and(|option| option.eq_ignore_ascii_case("close"));
    Ok(Some(Head { bytes: head_bytes, length, is_refused, closes }))
}

fn check_length(length: usize, expected: &Expected) -> Result<(), String> {
    if expected.body_bytes.contains(&length) {
        return Ok(());
    }
    let (least, most) = (expected.body_bytes.start(), expected.body_bytes.end());
    Err(format!("a response of {length} bytes where {least} to {most} were expected"))
}
