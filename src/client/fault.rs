//! Why a call fails, from the client's side of the protocol.

use super::problem::Problem;
use crate::protocol::http1::{Rejection, ResponseFault};
use crate::protocol::payload::binary_http::BhttpFault;
use crate::protocol::payload::chunk_stream::ChunkFault;
use crate::protocol::payload::key_document::DocumentFault;
use crate::protocol::payload::ohttp_keys::KeyListFault;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// Where a sealed answer was expected one came in clear. It proves nothing: anybody on the way can write one.
    #[error("answered in clear with status {status}{}: it is not shown, for anybody on the way could have written it", named(.problem.as_ref()))]
    InClear {
        /// Its status.
        status: u16,
        /// What it says of itself.
        problem: Option<Problem>,
        /// The `Date` it carries, in seconds since 1970.
        date: Option<u64>,
    },
    /// The proxy says, sealed, that it did not take the message.
    #[error("the proxy refused the message with status {}: {}{}", .0.status, .0.name, wait(.0))]
    Refused(Problem),
    /// A response of another media type than the request asks for.
    #[error("the answer has the media type `{0}`, not that of a sealed response")]
    MediaType(String),
    /// What should open a session, or the session itself, is not what a proxy sends.
    #[error("the answer to the session request does not open: it is none of the proxy whose key is pinned")]
    SessionAnswer,
    /// The response does not open, is cut, or has bytes behind its end.
    #[error("the sealed response is refused: {0}")]
    Response(#[from] ChunkFault),
    /// The response opens and is no message.
    #[error("the opened response is malformed ({})", .0.reason())]
    Message(BhttpFault),
    /// A response of more bytes than are held at once.
    #[error("the response is larger than a whole single message may be: ask for it in chunks")]
    ResponseTooLarge,
    /// The outer response breaks HTTP/1.1.
    #[error("the outer response breaks HTTP/1.1 ({})", .0.reason())]
    Outer(Rejection),
    /// The outer response ends within itself.
    #[error("the connection ended within the outer response")]
    OuterTruncated,
    /// The request cannot be sealed: the proxy would call it malformed.
    #[error("the request cannot be sent ({}): mend its method, path or fields", .0.reason())]
    Request(BhttpFault),
    /// More or less content than was announced.
    #[error("the content is not as long as was announced")]
    ContentLength,
    /// More than is sealed whole.
    #[error("the request is too large to be sealed whole: seal it in chunks")]
    RequestTooLarge,
    /// The message cannot go on: it has all the chunks that one may have.
    #[error("the request cannot be sealed any further: {0}")]
    Sealing(ChunkFault),
    /// The session has no number left.
    #[error("the session's numbers are used up: open another session")]
    NumbersUsedUp,
    /// The list of keys is of no use.
    #[error(transparent)]
    KeyList(#[from] KeyListFault),
    /// The signed list of keys is not believed.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// No key is trusted now.
    #[error("no trusted key is at hand: the signed list of keys has expired or was not fetched")]
    NoKey,
    /// The key agrees on nothing.
    #[error("the pinned key is of no use for sealing")]
    KeyUnusable,
    /// The app's own: its content cannot be read, or it does not take the response.
    #[error(transparent)]
    App(std::io::Error),
    /// The network.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<BhttpFault> for ClientFault {
    fn from(fault: BhttpFault) -> Self {
        Self::Message(fault)
    }
}

impl From<ResponseFault> for ClientFault {
    fn from(fault: ResponseFault) -> Self {
        match fault {
            ResponseFault::Rejected(rejection) => Self::Outer(rejection),
            ResponseFault::Truncated => Self::OuterTruncated,
        }
    }
}

fn named(problem: Option<&Problem>) -> String {
    problem.map_or_else(String::new, |problem| format!(" ({})", problem.name))
}

fn wait(problem: &Problem) -> String {
    problem.retry_after.map_or_else(String::new, |seconds| format!("; try again in {seconds} s"))
}
