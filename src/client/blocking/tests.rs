use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::client::gateway::{Gateway, NOW, message, problem, signer};
use crate::protocol::http_date::format_date;
use crate::protocol::payload::key_document::{DocumentVerifier, KeyDocument};

/// What the server does with the next request.
enum Step {
    /// Opens a session, whatever time the client says.
    Session,
    /// Answers the message with this, sealed.
    Sealed(Vec<u8>),
    /// Answers it so, and closes the connection.
    Last(Vec<u8>),
    /// Answers it so, but leaves the final bytes out.
    Cut(Vec<u8>),
    /// Answers in clear.
    Clear(String),
    /// The signed list of keys, made at this time.
    Document(u64),
    /// Closes without an answer.
    Close,
    /// Answers in clear when only this much of it has come, and closes.
    Early(usize),
}

/// What the server was sent, request by request: the head and the body.
type Sent = Vec<(String, Vec<u8>)>;

/// A server that plays `steps`. What it was sent, and the messages that it opened.
struct Server {
    origin: Origin,
    over: mpsc::Receiver<(Sent, Vec<crate::client::gateway::Heard>)>,
}

fn serve(form: Form, steps: Vec<Step>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (tell, over) = mpsc::channel();
    let spoken_as = origin.clone();
    thread::spawn(move || {
        let mut gateway = Gateway::new();
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        let mut connection: Option<TcpStream> = None;
        for step in steps {
            let mut stream = connection.take().unwrap_or_else(|| listener.accept().unwrap().0);
            let enough = if let Step::Early(enough) = &step { *enough } else { usize::MAX };
            let request = match read_request(&mut stream, enough) {
                Some(request) => request,
                // The client gave the connection up.
                None => {
                    stream = listener.accept().unwrap().0;
                    read_request(&mut stream, enough).expect("a request")
                }
            };
            let typed = |media: &str, body: &[u8]| {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                [head.as_bytes(), body].concat()
            };
            let (answer, goes_on) = match step {
                Step::Session => {
                    let answer = gateway.open_session(&request.1).0;
                    (typed(session::RESPONSE_MEDIA_TYPE, &answer), true)
                }
                Step::Sealed(plain) => {
                    heard.push(gateway.hear(form, &request.1));
                    let sealed = heard.last().unwrap().seal(&plain, &[]);
                    (typed(form.response_media_type(), &sealed), true)
                }
                Step::Last(plain) => {
                    heard.push(gateway.hear(form, &request.1));
                    (typed(form.response_media_type(), &heard.last().unwrap().seal(&plain, &[])), false)
                }
                Step::Cut(plain) => {
                    heard.push(gateway.hear(form, &request.1));
                    let sealed = heard.last().unwrap().seal(&plain, &[plain.len()]);
                    (typed(form.response_media_type(), &sealed[..sealed.len() - 17]), true)
                }
                Step::Early(..) => (typed("text/plain", b"too much"), false),
                Step::Clear(text) => (text.into_bytes(), true),
                Step::Document(issued) => {
                    let keys = gateway.keys.encode();
                    let document =
                        KeyDocument { audience: spoken_as.clone(), issued, expires: issued + 3600, keys };
                    let signed = signer().sign(&document, &ring::rand::SystemRandom::new()).unwrap();
                    (typed("application/jwt", signed.as_bytes()), true)
                }
                Step::Close => (Vec::new(), false),
            };
            sent.push(request);
            let _ = stream.write_all(&answer);
            if goes_on {
                connection = Some(stream);
            }
        }
        tell.send((sent, heard)).unwrap();
    });
    Server { origin: Origin::parse(&origin).unwrap().0, over }
}

/// One request: its head and its body without framing, or the first `enough` bytes of both.
fn read_request(stream: &mut TcpStream, enough: usize) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end + 4].to_vec()).unwrap();
            let body = &bytes[end + 4..];
            let length =
                head.split("content-length: ").nth(1).map(|rest| rest.lines().next().unwrap().parse());
            let whole = match length {
                Some(length) => (body.len() >= length.unwrap()).then(|| body.to_vec()),
                None if head.contains("chunked") => unchunked(body),
                None => Some(Vec::new()),
            };
            if let Some(body) = whole {
                return Some((head, body));
            }
            if bytes.len() >= enough {
                return Some((head, Vec::new()));
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        let rest = bytes.get(line + 2..line + 2 + length + 2)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&rest[..length]);
        bytes = &bytes[line + 4 + length..];
    }
}

/// Content of an app's.
struct Given {
    bytes: Vec<u8>,
    at: usize,
    is_known: bool,
    is_repeatable: bool,
}

impl Given {
    fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, is_known: true, is_repeatable: true }
    }
}

impl Content for Given {
    fn length(&self) -> Option<u64> {
        self.is_known.then_some(self.bytes.len() as u64)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (&self.bytes[self.at..]).read(into)?;
        self.at += count;
        Ok(count)
    }

    fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.at = 0;
        Ok(())
    }
}

/// What the app is given.
#[derive(Debug, Default)]
struct Taken {
    status: u16,
    content: Vec<u8>,
}

impl Sink for Taken {
    fn head(&mut self, head: &ResponseHead) -> io::Result<()> {
        assert_eq!(self.status, 0, "one head");
        self.status = head.status;
        Ok(())
    }

    fn content(&mut self, content: &[u8]) -> io::Result<()> {
        self.content.extend_from_slice(content);
        Ok(())
    }

    fn trailers(&mut self, _: &[(String, Vec<u8>)]) -> io::Result<()> {
        Ok(())
    }
}

const SECRET: &str = "/very/secret/path";

fn request(method: &str) -> Request {
    Request {
        method: method.into(),
        scheme: "http".into(),
        authority: "hidden.test".into(),
        path: SECRET.into(),
        fields: vec![("authorization".into(), b"Bearer hidden-token".to_vec())],
    }
}

/// One call of a new client and how it went.
struct Played {
    called: Result<(), CallFault>,
    taken: Taken,
    sent: Sent,
    heard: Vec<crate::client::gateway::Heard>,
}

impl Played {
    /// Where requests went, in order.
    fn paths(&self) -> Vec<&str> {
        let path = |head: &'_ str| head.split(' ').nth(1).unwrap_or_default().len();
        self.sent.iter().map(|(head, _)| &head[head.find('/').unwrap()..][..path(head)]).collect()
    }

    #[track_caller]
    fn fails(&self, outcome: Outcome, word: &str) {
        let fault = self.called.as_ref().expect_err("a failure");
        assert_eq!(fault.outcome, outcome, "{fault}");
        assert!(fault.to_string().contains(word), "{fault}");
        assert_eq!(self.taken.status, 0, "the app is given no response");
    }
}

fn client(server: &Server, form: Form) -> Client {
    let settings = Settings {
        origin: server.origin.clone(),
        trust: TlsTrust::System,
        form,
        app: None,
        timeouts: Timeouts::default(),
    };
    Client::new(settings, Keyring::pinned(&Gateway::new().keys.encode()).unwrap())
}

#[track_caller]
fn play_with(form: Form, method: &str, mut content: Given, steps: Vec<Step>, signed: bool) -> Played {
    let server = serve(form, steps);
    let mut client = client(&server, form);
    if signed {
        let signer = signer();
        let verifier = DocumentVerifier::new(signer.algorithm(), signer.public()).unwrap();
        client.keyring = Keyring::signed(verifier, &server.origin.to_string(), None);
    }
    let mut taken = Taken::default();
    let called = client.call(&request(method), &mut content, &mut taken, &mut Unwatched);
    drop(client);
    let (sent, heard) =
        server.over.recv().unwrap_or_else(|_| panic!("the server failed; the client: {called:?}"));
    // The first duty, in every one of these scenes.
    for (head, body) in &sent {
        let text = [head.as_bytes(), body].concat();
        for hidden in [SECRET, "hidden", "the content"] {
            let found = text.windows(hidden.len()).any(|some| some == hidden.as_bytes());
            assert!(!found, "`{hidden}` was sent in clear: {head}");
        }
    }
    Played { called, taken, sent, heard }
}

#[track_caller]
fn play(method: &str, steps: Vec<Step>) -> Played {
    play_with(Form::Session, method, Given::new(b"the content"), steps, false)
}

fn fine() -> Step {
    Step::Sealed(message(200, &[], &[b"there"]))
}

fn clear(status: u16, name: &str, fields: &str) -> Step {
    let body = format!(r#"{{"type":"{name}"}}"#);
    Step::Clear(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/problem+json\r\n{fields}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

const UNKNOWN: &str = "urn:ringwall:payload-session-unknown";
const KEY: &str = "https://iana.org/assignments/http-problem-types#ohttp-key";
const DATE: &str = "https://iana.org/assignments/http-problem-types#date";

#[test]
fn a_call_opens_a_session_once_and_goes_on_with_it() {
    let server = serve(Form::Session, vec![Step::Session, fine(), fine(), fine()]);
    let mut client = client(&server, Form::Session);
    for _ in 0..3 {
        let mut taken = Taken::default();
        let called = client.call(&request("POST"), &mut Given::new(b"in"), &mut taken, &mut Unwatched);
        assert!(called.is_ok(), "{called:?}");
        assert_eq!((taken.status, taken.content.as_slice()), (200, &b"there"[..]));
    }
    let (sent, heard) = server.over.recv().unwrap();
    assert_eq!(sent.len(), 4);
    let numbers: Vec<_> = heard.iter().map(|heard| heard.numbers.unwrap().0).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert!(heard.iter().all(|heard| heard.path == SECRET && heard.content == b"in"));
    assert!(heard.iter().all(|heard| heard.numbers.unwrap().1.abs_diff(NOW) < 60), "by the proxy's clock");
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let last = || Step::Last(message(200, &[], &[b"there"]));
    let server = serve(Form::Session, vec![Step::Session, last(), last(), last()]);
    let mut client = client(&server, Form::Session);
    for _ in 0..3 {
        let mut taken = Taken::default();
        let called = client.call(&request("POST"), &mut Given::new(b"in"), &mut taken, &mut Unwatched);
        assert!(called.is_ok(), "{called:?}");
        // Until the end has come: only then is there something to notice.
        if let Some(link) = &mut client.link {
            while link.is_quiet() {
                thread::yield_now();
            }
        }
    }
}

#[test]
fn every_form_carries_content_of_every_size() {
    for form in [Form::Session, Form::Single, Form::SingleWhole] {
        for (length, is_known) in
            [(0, true), (1, true), (16_385, true), (300_000, true), (0, false), (300_000, false)]
        {
            let bytes: Vec<u8> = (0..length).map(|at: u32| (at % 251) as u8).collect();
            let content = Given { is_known, ..Given::new(&bytes) };
            let content_back = [&bytes[..], b"!"].concat();
            let back = message(200, &[], &[&content_back]);
            let steps = if form == Form::Session {
                vec![Step::Session, Step::Sealed(back)]
            } else {
                vec![Step::Sealed(back)]
            };
            let played = play_with(form, "PUT", content, steps, false);
            assert!(played.called.is_ok(), "{form:?} {length} {is_known}: {:?}", played.called);
            assert!(played.heard[0].content == bytes && played.taken.content == content_back);
            let head = &played.sent.last().unwrap().0;
            let is_chunked = form != Form::SingleWhole && (length > 100_000 || !is_known);
            assert_eq!(head.contains("transfer-encoding: chunked"), is_chunked, "{head}");
            assert_eq!(head.contains("incremental: ?1"), form == Form::Single);
        }
    }
}

#[test]
fn a_lost_session_is_opened_again_for_what_may_run_twice() {
    let steps = || vec![Step::Session, clear(422, UNKNOWN, ""), Step::Session, fine()];
    for method in ["GET", "PUT", "DELETE"] {
        let played = play(method, steps());
        assert!(played.called.is_ok() && played.taken.content == b"there");
        assert_eq!(played.paths()[2..], ["/.well-known/payload-session", "/.well-known/payload-message"]);
    }
    for method in ["POST", "PATCH"] {
        play(method, steps().into_iter().take(2).collect()).fails(Outcome::Unknown, "unknown");
    }
    let once = Given { is_repeatable: false, ..Given::new(b"the content") };
    let played = play_with(Form::Session, "PUT", once, steps().into_iter().take(2).collect(), false);
    played.fails(Outcome::Unknown, "unknown");
}

#[test]
fn a_lost_session_is_not_used_again() {
    let server = serve(Form::Session, vec![Step::Session, clear(422, UNKNOWN, ""), Step::Session, fine()]);
    let mut client = client(&server, Form::Session);
    for outcome in [Some(Outcome::Unknown), None] {
        let mut taken = Taken::default();
        let called = client.call(&request("POST"), &mut Given::new(b"in"), &mut taken, &mut Unwatched);
        assert_eq!(called.err().map(|fault| fault.outcome), outcome);
    }
}

#[test]
fn the_clock_is_set_by_the_sealed_time_alone() {
    let date = format_date(NOW + 5000);
    let wrong =
        || Step::Sealed(problem(400, "urn:ringwall:payload-date", &format!(r#","time":{}"#, NOW + 5000)));
    let played = play("GET", vec![Step::Session, wrong(), fine()]);
    assert!(played.called.is_ok());
    let times: Vec<_> = played.heard.iter().map(|heard| heard.numbers.unwrap()).collect();
    assert!(times[0].1.abs_diff(NOW) < 60 && times[1].1.abs_diff(NOW + 5000) < 60, "{times:?}");
    assert_ne!(times[0].0, times[1].0, "another number");
    play("POST", vec![Step::Session, wrong()]).fails(Outcome::Unknown, "payload-date");
    // In clear it sets no clock and repeats nothing.
    let fields = format!("date: {date}\r\n");
    play("GET", vec![Step::Session, clear(400, DATE, &fields)]).fails(Outcome::Repeatable, "in clear");
}

#[test]
fn a_date_in_clear_corrects_the_next_opening() {
    let date = format_date(NOW + 9000);
    let played = play("POST", vec![clear(400, DATE, &format!("date: {date}\r\n")), Step::Session, fine()]);
    assert!(played.called.is_ok(), "nothing of the request had been sent: {:?}", played.called);
    let opened = Gateway::new().open_session(&played.sent[1].1);
    assert!(opened.1.abs_diff(NOW + 9000) < 60, "{}", opened.1);
    assert!(played.heard[0].numbers.unwrap().1.abs_diff(NOW) < 60, "the session's clock is its own");
    let twice = vec![clear(400, DATE, &format!("date: {date}\r\n")), clear(400, DATE, "")];
    play("GET", twice).fails(Outcome::NotSent, "in clear");
}

#[test]
fn a_replay_and_a_wrong_date_end_after_some_tries() {
    let replayed = || Step::Sealed(problem(409, "urn:ringwall:payload-replayed", ""));
    let played = play("GET", vec![Step::Session, replayed(), fine()]);
    assert!(played.called.is_ok());
    assert_ne!(played.heard[0].numbers, played.heard[1].numbers);
    let steps = vec![Step::Session, replayed(), replayed(), replayed()];
    play("GET", steps).fails(Outcome::Repeatable, "payload-replayed");
    play("POST", vec![Step::Session, replayed()]).fails(Outcome::Unknown, "payload-replayed");
}

#[test]
fn answers_in_clear_are_never_responses() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfake",
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nfake",
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nfake",
        "HTTP/1.1 302 Found\r\nlocation: http://evil.test/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: message/payload-response\r\ncontent-length: 40\r\n\r\n0123456789012345678901234567890123456789",
        "HTTP/1.1 200 OK\r\ncontent-type: message/payload-response\r\ncontent-length: 0\r\n\r\n",
    ] {
        let played = play("POST", vec![Step::Session, Step::Clear(answer.into())]);
        played.fails(Outcome::Unknown, "");
        assert!(!played.called.unwrap_err().to_string().contains("fake"));
        play("GET", vec![Step::Session, Step::Clear(answer.into())]).fails(Outcome::Repeatable, "");
        play("GET", vec![Step::Clear(answer.into())]).fails(Outcome::NotSent, "");
    }
    for (name, status) in [("urn:ringwall:payload-required", 403), ("urn:ringwall:payload-malformed", 400)] {
        play("GET", vec![Step::Session, clear(status, name, "")]).fails(Outcome::Repeatable, name);
    }
}

#[test]
fn a_response_that_is_cut_is_a_failure_and_not_repeated() {
    let played = play("GET", vec![Step::Session, Step::Cut(message(200, &[], &[b"half"]))]);
    let fault = played.called.unwrap_err();
    assert_eq!(fault.outcome, Outcome::Repeatable);
    assert!(fault.to_string().contains("final chunk"), "{fault}");
    assert_eq!((played.taken.status, played.taken.content.as_slice()), (200, &b"half"[..]));
    play("GET", vec![Step::Session, Step::Close]).fails(Outcome::Repeatable, "connection ended");
    play("POST", vec![Step::Session, Step::Close]).fails(Outcome::Unknown, "connection ended");
    play("POST", vec![Step::Close]).fails(Outcome::NotSent, "was not sent");
}

#[test]
fn a_pinned_signing_key_vouches_for_the_keys() {
    let wall = wall_seconds();
    let played = |steps| play_with(Form::Session, "GET", Given::new(b""), steps, true);
    let fetched = played(vec![Step::Document(wall), Step::Session, fine()]);
    assert!(fetched.called.is_ok(), "{:?}", fetched.called);
    assert_eq!(fetched.paths()[0], DOCUMENT_PATH);
    let expired = played(vec![Step::Document(wall - 3601)]);
    expired.fails(Outcome::NotSent, "expired");
    // A key that the proxy does not know any more: the list is fetched once more.
    let renewed = played(vec![
        Step::Document(wall - 9),
        clear(422, KEY, ""),
        Step::Document(wall),
        Step::Session,
        fine(),
    ]);
    assert!(renewed.called.is_ok(), "{:?}", renewed.called);
    let older = played(vec![Step::Document(wall), clear(422, KEY, ""), Step::Document(wall - 9)]);
    older.fails(Outcome::NotSent, "newer");
    // A pinned list cannot be renewed by anybody on the way.
    play("GET", vec![clear(422, KEY, "")]).fails(Outcome::NotSent, "ohttp-key");
    let single = vec![Step::Document(wall - 9), clear(422, KEY, ""), Step::Document(wall), fine()];
    let single = play_with(Form::Single, "GET", Given::new(b""), single, true);
    assert!(single.called.is_ok(), "{:?}", single.called);
    let single = vec![Step::Document(wall - 9), clear(422, KEY, "")];
    play_with(Form::Single, "POST", Given::new(b""), single, true).fails(Outcome::Unknown, "ohttp-key");
}

#[test]
fn the_date_of_single_messages_is_set_by_the_sealed_one() {
    let document = format!(r#"{{"type":"{DATE}"}}"#);
    let date = format_date(NOW + 7000);
    let fields = [("content-type", "application/problem+json"), ("date", date.as_str())];
    let wrong = Step::Sealed(message(400, &fields, &[document.as_bytes()]));
    let played = play_with(Form::Single, "GET", Given::new(b""), vec![wrong, fine()], false);
    assert!(played.called.is_ok(), "{:?}", played.called);
    let sent = crate::protocol::http_date::parse_date(played.heard[1].field("date").unwrap().as_bytes());
    assert!(sent.unwrap().abs_diff(NOW + 7000) < 60);
}

#[test]
fn an_answer_is_heard_while_there_is_still_something_to_send() {
    let content = Given { is_known: false, ..Given::new(&vec![7; 20_000_000]) };
    let steps = vec![Step::Session, Step::Early(100_000)];
    let played = play_with(Form::Session, "POST", content, steps, false);
    let fault = played.called.unwrap_err();
    assert_eq!(fault.outcome, Outcome::Unknown);
}

#[test]
fn a_request_that_cannot_be_sealed_is_not_sent() {
    let server = serve(Form::Session, vec![Step::Session]);
    let mut client = client(&server, Form::Session);
    let bad = Request { path: "no path".into(), ..request("GET") };
    let called = client.call(&bad, &mut Given::new(b""), &mut Taken::default(), &mut Unwatched);
    assert_eq!(called.unwrap_err().outcome, Outcome::NotSent);
}
