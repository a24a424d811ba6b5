//! The arguments of `ringwall call`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::limits;

/// How a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Payload {
    /// Sealed, as a message of a session.
    Session,
    /// Sealed, as a message by itself (OHTTP).
    Message,
    /// In plain HTTP.
    Off,
}

/// One request.
#[derive(Debug, Args)]
pub(crate) struct CallArguments {
    /// Where to: https://host/path, or http://host/path.
    pub(super) url: String,
    /// The method. Default: GET, with data POST.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(super) method: Option<String>,
    /// A field, `Name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub(super) fields: Vec<String>,
    /// Content to send.
    #[arg(short = 'd', long, value_name = "DATA", conflicts_with = "data_file")]
    pub(super) data: Option<String>,
    /// A file to send, as it is read; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) data_file: Option<PathBuf>,
    /// A bearer token; `@FILE` is the one in a file, where other users of this host do not see it.
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    /// How to seal it.
    #[arg(long, value_enum, default_value = "session")]
    pub(super) payload: Payload,
    /// Seal a single message in one piece, for gateways that take no chunks.
    #[arg(long)]
    pub(super) whole: bool,
    /// The certificate authorities to trust, and no others, as PEM.
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,
    /// The keys to seal to, and no others: a file of application/ohttp-keys, or the base64url of it.
    #[arg(long, value_name = "FILE", conflicts_with = "pin")]
    pub(super) keys: Option<PathBuf>,
    /// The key that signs the list of keys: `EdDSA:` or `ES256:` and the public key in base64url.
    #[arg(long, value_name = "ALG:KEY")]
    pub(super) pin: Option<String>,
    /// Keep the session in this file and use it again.
    #[arg(long, value_name = "FILE")]
    pub(super) session: Option<PathBuf>,
    /// What the app is: `id/platform/version`.
    #[arg(long, value_name = "APP")]
    pub(super) app: Option<String>,
    /// Write the content of the response here.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Print the head of the response before its content.
    #[arg(short = 'i', long)]
    pub(super) include: bool,
    /// Seconds in which something must move.
    #[arg(long, value_name = "SECONDS", default_value_t = limits::CLIENT_IDLE.as_secs())]
    pub(super) timeout: u64,
    /// Show on standard error what crossed the wire and what was inside.
    #[arg(short = 'v', long)]
    pub(super) verbose: bool,
}
