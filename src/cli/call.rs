//! `ringwall call`: one request, sealed, from the command line; what comes back, opened. The face of [`crate::client`].

mod arguments;
mod body;
mod plain;
mod session_file;
mod watch;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::{EXIT_FAILED, EXIT_USAGE, complain};
use crate::client::blocking::{KEYS_PATH, Settings, fetch};
use crate::client::transport::{Timeouts, TlsTrust, clock_name, monotonic};
use crate::client::{Client, Content, Form, Keyring, Origin, Request, ResponseHead, Sink};
use crate::limits;
use crate::protocol::payload::key_document::{DocumentVerifier, SigningAlgorithm};
use crate::protocol::payload::ticket::AppIdentity;
pub(super) use arguments::CallArguments;
use arguments::Payload;
pub(super) use body::Text;
use session_file::SessionFile;
use watch::Watch;

/// Why a call cannot be made, or came to nothing.
enum Stop {
    /// The command line, or a file that it names, cannot be used.
    Usage(String),
    /// The call failed.
    Failed(String),
}

/// Makes the call that the arguments ask for.
pub(super) fn call(arguments: &CallArguments) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(why)) => {
            complain(&why);
            EXIT_USAGE.into()
        }
        Err(Stop::Failed(why)) => {
            complain(&why);
            EXIT_FAILED.into()
        }
    }
}

fn run(arguments: &CallArguments) -> Result<(), Stop> {
    let (origin, path) = Origin::parse(&arguments.url).ok_or_else(|| {
        Stop::Usage(format!("`{}` is no http or https URL; write one like https://host/path", arguments.url))
    })?;
    let request = request(arguments, &origin, path)?;
    let mut content = body::content(arguments).map_err(Stop::Usage)?;
    let trust = match &arguments.cacert {
        Some(file) => TlsTrust::Authorities(read(file)?),
        None => TlsTrust::System,
    };
    let idle = std::time::Duration::from_secs(arguments.timeout.max(1));
    let timeouts = Timeouts { idle, ..Timeouts::default() };
    let mut sink = Printer::new(arguments)?;
    let mut watch = Watch::new(arguments.verbose);
    watch.inside_request(&request, content.length());
    let form = match arguments.payload {
        Payload::Session => Form::Session,
        Payload::Message if arguments.whole => Form::SingleWhole,
        Payload::Message => Form::Single,
        Payload::Off => {
            let call = plain::Plain { origin: &origin, trust: &trust, timeouts };
            call.make(&request, content.as_mut(), &mut sink, &mut watch).map_err(Stop::Failed)?;
            return sink.finish();
        }
    };
    let settings = Settings { origin, trust, form, app: app(arguments)?, timeouts };
    sealed_call(arguments, settings, &request, content.as_mut(), &mut sink, &mut watch)?;
    sink.finish()
}

fn sealed_call(
    arguments: &CallArguments,
    settings: Settings,
    request: &Request,
    content: &mut dyn Content,
    sink: &mut Printer,
    watch: &mut Watch,
) -> Result<(), Stop> {
    let (keyring, trusted) = keyring(arguments, &settings, watch)?;
    let app = arguments.app.as_deref().unwrap_or_default();
    let binding = session_file::binding(&[&settings.origin.to_string(), &trusted, app]);
    let mut client = Client::new(settings, keyring);
    let file = arguments.session.as_deref().map(|path| SessionFile::new(path, &binding));
    let mut is_resumed = false;
    if let (Some(file), Some(clock)) = (&file, clock_name()) {
        let kept = file.take(u64::from(limits::CLIENT_ATTEMPTS), &clock, monotonic());
        match kept.map_err(|error| Stop::Usage(format!("`{}`: {error}", file.path().display())))? {
            Some(session) => {
                client.resume(session);
                is_resumed = true;
            }
            None => watch.say("no session is kept for this proxy, key and app: opening one"),
        }
    }
    let called = client.call(request, content, sink, watch);
    watch.sum();
    // A session that was opened is kept even if the call failed.
    if let (Some(file), Some(clock), Some(session)) = (&file, clock_name(), client.session())
        && !session.was_kept()
        && let Err(error) = file.keep(session, &clock)
    {
        complain(&format!("the session is not kept: `{}`: {error}", file.path().display()));
    }
    if let (Some(file), true, None) = (&file, is_resumed, client.session())
        && let Err(error) = file.forget()
    {
        complain(&format!("`{}` holds a session that is lost: {error}", file.path().display()));
    }
    called.map_err(|fault| Stop::Failed(fault.to_string()))
}

fn request(arguments: &CallArguments, origin: &Origin, path: String) -> Result<Request, Stop> {
    let has_content = arguments.data.is_some() || arguments.data_file.is_some();
    let method = match &arguments.method {
        Some(method) => method.clone(),
        None if has_content => "POST".to_owned(),
        None => "GET".to_owned(),
    };
    let mut fields =
        vec![("user-agent".to_owned(), b"ringwall".to_vec()), ("accept".to_owned(), b"*/*".to_vec())];
    if let Some(token) = &arguments.token {
        let token = match token.strip_prefix('@') {
            Some(file) => String::from_utf8_lossy(&read(file.as_ref())?).trim().to_owned(),
            None => token.clone(),
        };
        fields.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
    }
    for field in &arguments.fields {
        let (name, value) = field
            .split_once(':')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| Stop::Usage(format!("`{field}` is no field; write it as `Name: value`")))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().as_bytes().to_vec());
        fields.retain(|(other, _)| *other != name || !matches!(other.as_str(), "user-agent" | "accept"));
        fields.push((name, value));
    }
    Ok(Request { method, scheme: origin.scheme().to_owned(), authority: origin.authority(), path, fields })
}

fn app(arguments: &CallArguments) -> Result<Option<AppIdentity>, Stop> {
    let Some(app) = &arguments.app else { return Ok(None) };
    let mut parts = app.split('/');
    let identity = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(platform), Some(version), None) => AppIdentity::new(id, platform, version),
        _ => None,
    };
    let usage = || Stop::Usage(format!("`{app}` is no app; write it as `id/platform/version`"));
    identity.map(Some).ok_or_else(usage)
}

/// The keys to seal to, with the reason to trust them.
fn keyring(
    arguments: &CallArguments,
    settings: &Settings,
    watch: &mut Watch,
) -> Result<(Keyring, String), Stop> {
    if let Some(file) = &arguments.keys {
        let list = read(file)?;
        // `keygen payload` prints it as text.
        let text = BASE64URL.decode(list.trim_ascii()).ok();
        let list = text.filter(|text| Keyring::pinned(text).is_ok()).unwrap_or(list);
        let ring =
            Keyring::pinned(&list).map_err(|fault| Stop::Usage(format!("`{}`: {fault}", file.display())))?;
        return Ok((ring, session_file::binding(&["keys", &BASE64URL.encode(&list)])));
    }
    if let Some(pin) = &arguments.pin {
        let (algorithm, public) = pin.split_once(':').unwrap_or_default();
        let verifier = SigningAlgorithm::of_name(algorithm)
            .and_then(|algorithm| DocumentVerifier::new(algorithm, &BASE64URL.decode(public).ok()?));
        let verifier = verifier.ok_or_else(|| {
            Stop::Usage(format!(
                "`{pin}` is no signing key; write `EdDSA:` or `ES256:` and the key in base64url"
            ))
        })?;
        let ring = Keyring::signed(verifier, &settings.origin.to_string(), None);
        return Ok((ring, format!("pin {pin}")));
    }
    complain(
        "warning: neither --keys nor --pin is given: the keys are fetched, and TLS alone vouches for them. \
         Whoever breaks TLS can read this call.",
    );
    let failed = |fault: &dyn std::fmt::Display| Stop::Failed(format!("no keys from the proxy: {fault}"));
    let list = fetch(settings, KEYS_PATH, limits::PAYLOAD_KEY_LIST_BYTES, watch);
    let list = list.map_err(|fault| failed(&fault))?;
    Ok((Keyring::pinned(&list).map_err(|fault| failed(&fault))?, "TLS".to_owned()))
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, Stop> {
    fs::read(file).map_err(|error| Stop::Usage(format!("cannot read `{}`: {error}", file.display())))
}

/// Prints a response as it comes: content to standard output or a file, and with `-i` the head before it.
struct Printer {
    out: Box<dyn Write>,
    shows_head: bool,
    is_verbose: bool,
}

impl Printer {
    fn new(arguments: &CallArguments) -> Result<Self, Stop> {
        let out: Box<dyn Write> =
            match &arguments.output {
                Some(file) => {
                    let created = fs::File::create(file);
                    Box::new(created.map_err(|error| {
                        Stop::Usage(format!("cannot write `{}`: {error}", file.display()))
                    })?)
                }
                None => Box::new(io::stdout()),
            };
        Ok(Self { out, shows_head: arguments.include, is_verbose: arguments.verbose })
    }

    fn finish(mut self) -> Result<(), Stop> {
        self.out.flush().map_err(|error| Stop::Failed(format!("the response cannot be written: {error}")))
    }
}

impl Sink for Printer {
    fn head(&mut self, head: &ResponseHead) -> io::Result<()> {
        let text = watch::response_head(head);
        if self.is_verbose {
            watch::show_inside("response", &text);
        }
        if self.shows_head {
            self.out.write_all(text.as_bytes())?;
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }

    /// Flushed each time: events are to be seen when they happen.
    fn content(&mut self, content: &[u8]) -> io::Result<()> {
        self.out.write_all(content)?;
        self.out.flush()
    }

    fn trailers(&mut self, trailers: &[(String, Vec<u8>)]) -> io::Result<()> {
        if self.is_verbose {
            watch::show_inside("trailers", &watch::fields(trailers));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
