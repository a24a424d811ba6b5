//! The request mapper of the demo: it takes the token away, says in fields what the token is good for, and puts the user
//! into the path. It records what it was told.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::resource::{KEPT, PATIENCE, field, read_body, read_head};

/// Who asks it.
pub(super) const USERNAME: &str = "ringwall";

/// The mapper and what it was told.
pub(super) struct Mapper {
    address: SocketAddr,
    told: Receiver<Value>,
}

impl Mapper {
    /// Listens on a free port of loopback, for who knows this password.
    pub(super) fn start(password: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, told) = sync_channel(KEPT);
        let credentials = format!("Basic {}", BASE64.encode(format!("{USERNAME}:{password}")));
        std::thread::Builder::new().name("demo-mapper".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, credentials) = (sender.clone(), credentials.clone());
                let name = "demo-mapping".to_owned();
                // Without a thread the connection is closed, and the walk will say so.
                let _refused = std::thread::Builder::new().name(name).spawn(move || {
                    let _ended = converse(stream, &credentials, &sender);
                });
            }
        })?;
        Ok(Self { address, told })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was told since the last call.
    pub(super) fn told(&self) -> Vec<Value> {
        self.told.try_iter().collect()
    }
}

fn converse(stream: TcpStream, credentials: &str, told: &SyncSender<Value>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let head = read_head(&mut reader)?;
        if head.is_empty() {
            return Ok(());
        }
        let body = read_body(&mut reader, &head)?;
        let (status, answer) = if field(&head, "authorization") == Some(credentials) {
            let question: Value = serde_json::from_slice(&body).map_err(io::Error::other)?;
            let answer = map(&question);
            // After the walk nobody looks.
            let _unseen = told.try_send(question);
            ("200 OK", answer.to_string())
        } else {
            ("401 Unauthorized", String::new())
        };
        let length = answer.len();
        write!(
            writer,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{answer}"
        )?;
    }
}

/// What a question is answered.
fn map(question: &Value) -> Value {
    let token = &question["token_validation_result"];
    let mut headers: Map<String, Value> = question["headers"].as_object().cloned().unwrap_or_default();
    for name in ["authorization", "authorized_scopes", "amr"] {
        headers.remove(name);
    }
    headers.insert("authorized_scopes".to_owned(), json!(token["scope"].as_str().unwrap_or_default()));
    if token["amr"].is_array() {
        headers.insert("amr".to_owned(), json!(token["amr"].to_string()));
    }
    let target = question["request_uri"].as_str().unwrap_or_default();
    let (path, query) = target.find('?').map_or((target, ""), |at| target.split_at(at));
    let user = token["sub"].as_str().map(|user| format!("/{}", escaped(user))).unwrap_or_default();
    json!({ "request_uri": format!("{path}{user}{query}"), "headers": headers })
}

/// As one segment of a path, whatever is in it.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(request_uri: &str, token: &Value) -> String {
        let question = json!({ "request_uri": request_uri, "token_validation_result": token, "headers": {} });
        map(&question)["request_uri"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_user_is_one_segment_in_front_of_the_query() {
        assert_eq!(target("/a?b=c", &json!({"sub": "alice"})), "/a/alice?b=c");
        assert_eq!(target("/a", &json!({"sub": "../b c"})), "/a/%2E%2E%2Fb%20c");
        assert_eq!(target("/a", &json!({})), "/a");
    }

    #[test]
    fn the_token_goes_and_what_it_says_stays() {
        let headers = json!({"authorization": "Bearer x", "authorized_scopes": "all", "accept": "*/*"});
        let token = json!({"scope": "orders.read", "amr": ["PIN"]});
        let answer = map(&json!({"request_uri": "/", "token_validation_result": token, "headers": headers}));
        let expected = json!({"authorized_scopes": "orders.read", "amr": "[\"PIN\"]", "accept": "*/*"});
        assert_eq!(answer["headers"], expected);
    }
}
