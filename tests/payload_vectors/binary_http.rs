//! `binary_http.json`: messages in the clear, in every form, and responses that a client refuses.

use ringwall::protocol::payload::binary_http::{
    BhttpFault, CONTENT_END, FieldList, Framing, MessageLimits, Part, RequestControl, RequestDecoder,
    ResponseDecoder, push_content_head, push_request_head, push_response_head, push_trailers,
};
use ringwall::protocol::progress::Progress;
use serde::Serialize;

use crate::shape::Hex;

type Field = (&'static str, &'static str);
/// Fields as a decoder finds them.
type Texts = Vec<(String, String)>;

const LIMITS: MessageLimits = MessageLimits { path_bytes: 1024, head_bytes: 8192, field_count: 64 };

/// A request of the vectors.
pub(crate) struct Request {
    framing: Framing,
    pub(crate) content: Vec<u8>,
    control: [&'static str; 4],
    fields: Vec<Field>,
    trailers: Vec<Field>,
}

impl Request {
    pub(crate) fn get() -> Self {
        Self {
            framing: Framing::Known,
            content: Vec::new(),
            control: ["GET", "https", "api.example.com", "/orders?page=2&sort=date"],
            fields: vec![("accept", "application/json"), ("authorization", "Bearer secret")],
            trailers: Vec::new(),
        }
    }

    pub(crate) fn post() -> Self {
        Self {
            control: ["POST", "https", "api.example.com", "/orders"],
            fields: vec![("content-type", "application/octet-stream")],
            ..Self::get()
        }
    }

    pub(crate) fn with(self, framing: Framing, content: Vec<u8>) -> Self {
        Self { framing, content, ..self }
    }

    pub(crate) fn encoded(&self) -> Vec<u8> {
        let [method, scheme, authority, path] = self.control.map(str::as_bytes);
        let control = RequestControl { method, scheme, authority, path };
        let mut out = Vec::new();
        push_request_head(self.framing, &control, bytes_of(&self.fields), &mut out);
        push_rest(self.framing, &[&self.content], &self.trailers, &mut out);
        out
    }
}

/// `i` modulo 251 for each `i`: no two neighbouring chunks are alike.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[derive(Serialize)]
struct RequestVector {
    name: &'static str,
    known_length: bool,
    method: &'static str,
    scheme: &'static str,
    authority: &'static str,
    path: &'static str,
    fields: Vec<Field>,
    content: Hex,
    trailers: Vec<Field>,
    bytes: Hex,
}

#[derive(Serialize)]
struct ResponseVector {
    name: &'static str,
    /// Whether it answers a HEAD request.
    answers_head: bool,
    status: u16,
    fields: Vec<Field>,
    content: Hex,
    trailers: Vec<Field>,
    bytes: Hex,
}

#[derive(Serialize)]
struct Refused {
    name: &'static str,
    bytes: Hex,
}

#[derive(Serialize)]
pub(crate) struct Vectors {
    about: &'static str,
    requests: Vec<RequestVector>,
    responses: Vec<ResponseVector>,
    refused_responses: Vec<Refused>,
}

pub(crate) fn vectors() -> Vectors {
    let responses = responses();
    responses.iter().for_each(check_response);
    Vectors {
        about: "Messages as Binary HTTP (RFC 9292), and responses that a client must refuse.",
        requests: requests().into_iter().map(request_vector).collect(),
        responses,
        refused_responses: refused_responses(),
    }
}

/// The bytes of the response of this name.
pub(crate) fn response_bytes(name: &str) -> Vec<u8> {
    let mut named = responses().into_iter().filter(|response| response.name == name);
    named.next().unwrap_or_else(|| panic!("no response is called {name}")).bytes.0
}

fn requests() -> Vec<(&'static str, Request)> {
    let post = Request::post;
    let indeterminate = Framing::Indeterminate;
    vec![
        ("a GET", Request::get()),
        ("a GET of indeterminate length", Request { framing: indeterminate, ..Request::get() }),
        (
            "the authority in a Host field",
            Request {
                control: ["HEAD", "https", "", "/"],
                fields: vec![("host", "api.example.com:8443")],
                ..Request::get()
            },
        ),
        (
            "OPTIONS of the server",
            Request { control: ["OPTIONS", "http", "[::1]:8080", "*"], fields: vec![], ..Request::get() },
        ),
        ("content", Request { content: b"{\"item\":1}".to_vec(), ..post() }),
        ("content of 300 bytes", Request { content: pattern(300), ..post() }),
        (
            "indeterminate, trailers",
            Request {
                framing: indeterminate,
                content: b"one line\n".to_vec(),
                trailers: vec![("digest", "sha-256=:AAAA:")],
                ..post()
            },
        ),
        ("indeterminate, no content", Request { framing: indeterminate, ..post() }),
    ]
}

fn request_vector((name, request): (&'static str, Request)) -> RequestVector {
    let bytes = request.encoded();
    check_request(&request, &bytes);
    let [method, scheme, authority, path] = request.control;
    RequestVector {
        name,
        known_length: request.framing == Framing::Known,
        method,
        scheme,
        authority,
        path,
        fields: request.fields,
        content: request.content.into(),
        trailers: request.trailers,
        bytes: bytes.into(),
    }
}

fn responses() -> Vec<ResponseVector> {
    let cookies =
        [("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-empty", "")];
    let text = [("content-type", "text/plain")];
    let problem = [("content-type", "application/problem+json")];
    let seen = br#"{"type":"urn:ringwall:payload-replayed","status":409}"#;
    let hint = response(Framing::Known, 103, &[("link", "</a.css>; rel=preload")], &[], &[]);
    let hint = &hint[1..hint.len() - 2];
    let after_hint = response(Framing::Known, 200, &text, &[b"hello"], &[]);
    let cut = response(Framing::Known, 204, &[], &[], &[]);
    let known =
        |status, fields: &[Field], content: &[u8]| response(Framing::Known, status, fields, &[content], &[]);
    let streamed = |status, fields: &[Field], parts: &[&[u8]], trailers: &[Field]| {
        response(Framing::Indeterminate, status, fields, parts, trailers)
    };
    let trailers = [("server-timing", "db;dur=53"), ("x-checksum", "77")];
    let make = |name, status, fields: &[Field], content: &[u8], bytes: Vec<u8>| ResponseVector {
        name,
        answers_head: false,
        status,
        fields: fields.to_vec(),
        content: content.into(),
        trailers: Vec::new(),
        bytes: bytes.into(),
    };
    let long = pattern(1000);
    vec![
        make("known length, two cookies", 200, &cookies, b"hello", known(200, &cookies, b"hello")),
        ResponseVector {
            trailers: trailers.to_vec(),
            ..make(
                "indeterminate, trailers",
                200,
                &text,
                b"data: 1\n\ndata: 2\n\n",
                streamed(200, &text, &[b"data: 1\n\n", b"data: 2\n\n"], &trailers),
            )
        },
        make("no content", 404, &text, b"", known(404, &text, b"")),
        make("1000 bytes", 200, &text, &long, known(200, &text, &long)),
        make("204", 204, &[], b"", known(204, &[], b"")),
        make("204 without its empty parts", 204, &[], b"", cut[..3].to_vec()),
        make("304 of a streaming server", 304, &text, b"", streamed(304, &text, &[], &[])),
        ResponseVector {
            answers_head: true,
            ..make("answer to HEAD", 200, &[("content-length", "1000")], b"", {
                known(200, &[("content-length", "1000")], b"")
            })
        },
        make(
            "interim response first",
            200,
            &text,
            b"hello",
            [&after_hint[..1], hint, &after_hint[1..]].concat(),
        ),
        make("padding", 200, &text, b"hello", [&known(200, &text, b"hello")[..], &[0; 20]].concat()),
        make("a problem of the proxy", 409, &problem, seen, known(409, &problem, seen)),
    ]
}

fn refused_responses() -> Vec<Refused> {
    let text = [("content-type", "text/plain")];
    let known = response(Framing::Known, 200, &text, &[b"hello"], &[]);
    let streamed = response(Framing::Indeterminate, 200, &text, &[b"hello"], &[("x-a", "b")]);
    let with = |field: Field, content: &[u8]| response(Framing::Known, 200, &[field], &[content], &[]);
    let refused = [
        ("no bytes", Vec::new()),
        ("a request", Request::get().encoded()),
        ("nonzero padding", [&known[..], &[0, 0, 1]].concat()),
        ("cut within the fields", known[..12].to_vec()),
        ("cut within the content", known[..known.len() - 3].to_vec()),
        ("cut before the end of streamed content", streamed[..streamed.len() - 8].to_vec()),
        ("cut before the end of streamed trailers", streamed[..streamed.len() - 1].to_vec()),
        ("a status below 200 alone", response(Framing::Known, 103, &text, &[], &[])),
        ("a status above 599", response(Framing::Known, 600, &text, &[], &[])),
        ("a length unlike the content", with(("content-length", "4"), b"hello")),
        ("a line break in a value", with(("x-a", "b\r\nx-c: d"), b"")),
        ("a space in a name", with(("x a", "b"), b"")),
        ("a connection field", with(("transfer-encoding", "chunked"), b"")),
    ];
    let checked = |(name, bytes): (&'static str, Vec<u8>)| {
        assert!(decoded_response(&bytes, false).is_err(), "{name} is read");
        Refused { name, bytes: bytes.into() }
    };
    refused.into_iter().map(checked).collect()
}

fn bytes_of(fields: &[Field]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

fn response(
    framing: Framing,
    status: u16,
    fields: &[Field],
    content: &[&[u8]],
    trailers: &[Field],
) -> Vec<u8> {
    let mut out = Vec::new();
    push_response_head(framing, status, bytes_of(fields), &mut out);
    push_rest(framing, content, trailers, &mut out);
    out
}

fn push_rest(framing: Framing, content: &[&[u8]], trailers: &[Field], out: &mut Vec<u8>) {
    if framing == Framing::Known {
        assert!(push_content_head(content.concat().len() as u64, out));
        out.extend_from_slice(&content.concat());
    } else {
        for part in content.iter().filter(|part| !part.is_empty()) {
            assert!(push_content_head(part.len() as u64, out));
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&CONTENT_END);
    }
    push_trailers(framing, bytes_of(trailers), out);
}

/// Content and trailers as a decoder finds them.
type Rest = (Vec<u8>, Texts);

fn check_request(request: &Request, bytes: &[u8]) {
    let mut decoder = RequestDecoder::new(LIMITS);
    let mut fields = FieldList::new();
    let head = decoder.head(bytes, true, &mut fields).expect("a request");
    let Progress::Done { value: head, consumed } = head else { panic!("the head is cut") };
    assert_eq!(head.method.of(bytes), request.control[0].as_bytes());
    assert_eq!(head.path.of(bytes), request.control[3].as_bytes());
    assert_eq!(texts(&fields, bytes), owned(&request.fields));
    let mut list = FieldList::new();
    let (content, trailers) =
        read_rest(&bytes[consumed..], |rest| Ok((decoder.advance(rest, true, &mut list)?, list.clone())))
            .expect("its rest");
    assert_eq!((content, trailers), (request.content.clone(), owned(&request.trailers)));
}

fn check_response(response: &ResponseVector) {
    let decoded = decoded_response(&response.bytes.0, response.answers_head);
    let (status, fields, (content, trailers)) =
        decoded.unwrap_or_else(|fault| panic!("{}: {fault:?}", response.name));
    assert_eq!((status, fields), (response.status, owned(&response.fields)), "{}", response.name);
    assert_eq!((content, trailers), (response.content.0.clone(), owned(&response.trailers)));
}

fn decoded_response(bytes: &[u8], answers_head: bool) -> Result<(u16, Texts, Rest), BhttpFault> {
    let mut decoder = ResponseDecoder::new(LIMITS, answers_head);
    let mut fields = FieldList::new();
    let Progress::Done { value, consumed } = decoder.head(bytes, true, &mut fields)? else {
        panic!("all of it is there");
    };
    let mut list = FieldList::new();
    let advance = |rest: &[u8]| Ok((decoder.advance(rest, true, &mut list)?, list.clone()));
    let rest = read_rest(&bytes[consumed..], advance)?;
    Ok((value.status, texts(&fields, bytes), rest))
}

fn read_rest(
    mut rest: &[u8],
    mut advance: impl FnMut(&[u8]) -> Result<(Part, FieldList), BhttpFault>,
) -> Result<Rest, BhttpFault> {
    let (mut content, mut trailers) = (Vec::new(), Vec::new());
    loop {
        let (part, list) = advance(rest)?;
        let consumed = match part {
            Part::NeedMore => panic!("all of it is there"),
            Part::Content(range) => {
                content.extend_from_slice(&rest[range.clone()]);
                range.end
            }
            Part::Trailers { consumed } => {
                trailers = texts(&list, rest);
                consumed
            }
            Part::Padding { consumed } => consumed,
            Part::Done { .. } => return Ok((content, trailers)),
        };
        rest = &rest[consumed..];
    }
}

fn texts(fields: &FieldList, bytes: &[u8]) -> Texts {
    let text = |part: &[u8]| String::from_utf8(part.to_vec()).expect("ASCII");
    fields.iter().map(|line| (text(line.name.of(bytes)), text(line.value.of(bytes)))).collect()
}

fn owned(fields: &[Field]) -> Texts {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
