//! The fuzz body of Binary HTTP, and the plain driver of its decoders that it and their tests share.

use crate::limits;
use crate::protocol::payload::binary_http::{
    BhttpFault, CONTENT_END, FieldList, Framing, MessageLimits, Part, RequestControl, RequestDecoder,
    RequestHead, ResponseDecoder, ResponseHead, frame_content, push_content_head, push_request_head,
    push_response_head, push_trailers,
};
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;

/// Small enough that a fuzzer reaches them.
pub(crate) const LIMITS: MessageLimits = MessageLimits { path_bytes: 256, head_bytes: 1024, field_count: 20 };

/// A request or a response. The first byte chooses which and where the rest is cut.
pub fn binary_http(data: &[u8]) {
    let [choice, bytes @ ..] = data else { return };
    let cut = bytes.len() * usize::from(choice >> 2) / 64;
    let read = |parts: &[&[u8]], limits| match choice & 3 {
        0 | 1 => read_request(parts, limits),
        kind => read_response(parts, limits, kind == 3),
    };
    let whole = read(&[bytes], LIMITS);
    assert_eq!(read(&[&bytes[..cut], &bytes[cut..]], LIMITS), whole, "cut at {cut}");
    let drip: Vec<&[u8]> = bytes.chunks(1).chain([&[][..]]).collect();
    assert_eq!(read(&drip, LIMITS), whole, "byte by byte");
    let Ok(message) = whole else { return };
    message.check();

    let roomy = MessageLimits { head_bytes: 4 * LIMITS.head_bytes, ..LIMITS };
    for framing in [Framing::Known, Framing::Indeterminate] {
        let back = read(&[&message.write(framing)], roomy);
        let content_length = match framing {
            Framing::Known => Some(message.content.len() as u64),
            Framing::Indeterminate => message.declared_length(choice & 3 == 3),
        };
        assert_eq!(back, Ok(Message { framing, content_length, ..message.clone() }));
    }
}

/// A name or value and its like.
type Bytes = Vec<u8>;

/// A message spelt out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) control: Control,
    pub(crate) framing: Framing,
    pub(crate) content_length: Option<u64>,
    pub(crate) fields: Vec<(Bytes, Bytes)>,
    pub(crate) content: Bytes,
    pub(crate) trailers: Vec<(Bytes, Bytes)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Method, scheme, authority that counts, path.
    Request([Bytes; 4]),
    Response(u16),
}

/// What the request is that comes in `parts`.
pub(crate) fn read_request(parts: &[&[u8]], limits: MessageLimits) -> Result<Message, BhttpFault> {
    read(RequestDecoder::new(limits), parts)
}

/// What the response is that comes in `parts`.
pub(crate) fn read_response(
    parts: &[&[u8]],
    limits: MessageLimits,
    answers_head: bool,
) -> Result<Message, BhttpFault> {
    read(ResponseDecoder::new(limits, answers_head), parts)
}

/// What both decoders have in common.
trait Decoder {
    type Head;
    fn head(&mut self, bytes: &[u8], ended: bool, fields: &mut FieldList) -> HeadAnswer<Self::Head>;
    fn advance(&mut self, bytes: &[u8], ended: bool, trailers: &mut FieldList) -> Result<Part, BhttpFault>;
    /// Control data, framing and content length of `head`.
    fn spell(head: &Self::Head, bytes: &[u8]) -> (Control, Framing, Option<u64>);
}

type HeadAnswer<H> = Result<Progress<H>, BhttpFault>;

impl Decoder for RequestDecoder {
    type Head = RequestHead;

    fn head(&mut self, bytes: &[u8], ended: bool, fields: &mut FieldList) -> HeadAnswer<RequestHead> {
        self.head(bytes, ended, fields)
    }

    fn advance(&mut self, bytes: &[u8], ended: bool, trailers: &mut FieldList) -> Result<Part, BhttpFault> {
        self.advance(bytes, ended, trailers)
    }

    fn spell(head: &RequestHead, bytes: &[u8]) -> (Control, Framing, Option<u64>) {
        let part = |span: Span| span.of(bytes).to_vec();
        let scheme = head.scheme.name().as_bytes().to_vec();
        let control = [part(head.method), scheme, part(head.authority), part(head.path)];
        (Control::Request(control), head.framing, head.content_length)
    }
}

impl Decoder for ResponseDecoder {
    type Head = ResponseHead;

    fn head(&mut self, bytes: &[u8], ended: bool, fields: &mut FieldList) -> HeadAnswer<ResponseHead> {
        self.head(bytes, ended, fields)
    }

    fn advance(&mut self, bytes: &[u8], ended: bool, trailers: &mut FieldList) -> Result<Part, BhttpFault> {
        self.advance(bytes, ended, trailers)
    }

    fn spell(head: &ResponseHead, _: &[u8]) -> (Control, Framing, Option<u64>) {
        (Control::Response(head.status), head.framing, head.content_length)
    }
}

/// Gives `parts` to a decoder one after the other, and drops what it has consumed.
fn read<D: Decoder>(mut decoder: D, parts: &[&[u8]]) -> Result<Message, BhttpFault> {
    let mut unread = Vec::new();
    let mut list = FieldList::new();
    let mut message: Option<Message> = None;
    for (number, part) in parts.iter().enumerate() {
        unread.extend_from_slice(part);
        let ended = number + 1 == parts.len();
        loop {
            let consumed = match &mut message {
                None => match decoder.head(&unread, ended, &mut list)? {
                    Progress::NeedMore { searched } => {
                        assert!(!ended && searched <= unread.len());
                        break;
                    }
                    Progress::Done { value, consumed } => {
                        let (control, framing, content_length) = D::spell(&value, &unread);
                        let fields = spell(&list, &unread);
                        let (content, trailers) = (Vec::new(), Vec::new());
                        message =
                            Some(Message { control, framing, content_length, fields, content, trailers });
                        consumed
                    }
                },
                Some(message) => match decoder.advance(&unread, ended, &mut list)? {
                    Part::NeedMore => {
                        assert!(!ended);
                        break;
                    }
                    Part::Content(content) => {
                        assert!(!content.is_empty() && message.trailers.is_empty());
                        message.content.extend_from_slice(&unread[content.clone()]);
                        content.end
                    }
                    Part::Trailers { consumed } => {
                        message.trailers = spell(&list, &unread);
                        consumed
                    }
                    Part::Padding { consumed } => {
                        assert!(!ended && consumed == unread.len() && consumed > 0);
                        consumed
                    }
                    Part::Done { consumed } => {
                        assert!(ended && consumed == unread.len());
                        return Ok(message.clone());
                    }
                },
            };
            unread.drain(..consumed);
        }
    }
    unreachable!("a message that has ended is whole or refused")
}

fn spell(list: &FieldList, bytes: &[u8]) -> Vec<(Bytes, Bytes)> {
    list.iter().map(|line| (line.name.of(bytes).to_vec(), line.value.of(bytes).to_vec())).collect()
}

impl Message {
    /// Holds what no message may be that was accepted, read plainly.
    fn check(&self) {
        assert!(self.fields.len() <= LIMITS.field_count && self.trailers.len() <= limits::TRAILER_COUNT);
        for (name, value) in self.fields.iter().chain(&self.trailers) {
            assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic()));
            assert!(
                !name.iter().any(|byte| byte.is_ascii_uppercase() || b":\"(),/;<=>?@[\\]{}".contains(byte))
            );
            assert!(!value.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f));
            assert_eq!(value.trim_ascii(), value);
            let barred =
                ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "expect"];
            assert!(!barred.iter().any(|barred| barred.as_bytes() == name));
        }
        assert!(self.trailers.iter().all(|(name, _)| name != b"host" && name != b"content-length"));
        let size: usize = self.fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        assert!(size <= LIMITS.head_bytes);
        match &self.control {
            Control::Request([method, _, authority, path]) => {
                assert!(!method.is_empty() && method.len() <= limits::METHOD_BYTES && method != b"CONNECT");
                assert!(!authority.is_empty() && !authority.iter().any(|byte| b"/?#@ \\%".contains(byte)));
                assert!(path.starts_with(b"/") || path == b"*" && method == b"OPTIONS");
                assert!(path.len() <= LIMITS.path_bytes && path.iter().all(u8::is_ascii_graphic));
                self.check_lengths();
            }
            Control::Response(status) => assert!((200..600).contains(status)),
        }
    }

    fn check_lengths(&self) {
        let length = self.content.len() as u64;
        assert!(self.content_length.is_none_or(|said| said == length));
        for (name, value) in &self.fields {
            assert!(name != b"content-length" || *value == length.to_string().into_bytes());
        }
    }

    /// What a Content-Length field says of content that is sent.
    fn declared_length(&self, answers_head: bool) -> Option<u64> {
        if answers_head || matches!(self.control, Control::Response(204 | 304)) {
            return Some(0);
        }
        let (_, value) = self.fields.iter().find(|(name, _)| name == b"content-length")?;
        std::str::from_utf8(value).ok()?.parse().ok()
    }

    /// The message as the encoder writes it, content in two chunks where it comes in chunks.
    pub(crate) fn write(&self, framing: Framing) -> Bytes {
        let mut out = Vec::new();
        let lines = self.fields.iter().map(|(name, value)| (&name[..], &value[..]));
        match &self.control {
            Control::Request([method, scheme, authority, path]) => {
                push_request_head(
                    framing,
                    &RequestControl { method, scheme, authority, path },
                    lines,
                    &mut out,
                );
            }
            Control::Response(status) => push_response_head(framing, *status, lines, &mut out),
        }
        match framing {
            Framing::Known => {
                assert!(push_content_head(self.content.len() as u64, &mut out));
                out.extend_from_slice(&self.content);
            }
            Framing::Indeterminate => {
                let (first, second) = self.content.split_at(self.content.len() / 2);
                for chunk in [first, second] {
                    let mut room = [&[0xff; 8], chunk].concat();
                    if let Some(framed) = frame_content(&mut room, 8..8 + chunk.len()) {
                        out.extend_from_slice(&room[framed]);
                    }
                }
                out.extend_from_slice(&CONTENT_END);
            }
        }
        let lines = self.trailers.iter().map(|(name, value)| (&name[..], &value[..]));
        push_trailers(framing, lines, &mut out);
        out
    }
}
