//! A session kept in a file between calls, for the owner's eyes alone. The numbers of a call are set aside in the file
//! before the call uses any, so that no number is used twice whatever happens to a process; several may share the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::client::transport::random;
use crate::client::{ClientSession, KeptSession};
use crate::protocol::moment::Monotonic;

/// Bytes of the largest file that is one of ours.
const FILE_BYTES: u64 = 8 * 1024;

/// The file.
pub(super) struct SessionFile {
    path: PathBuf,
    binding: String,
}

/// What a session must not be used without, as one text of fixed length.
pub(super) fn binding(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(&format!("{}:{part}", part.len()));
    }
    BASE64URL.encode(digest(&SHA256, text.as_bytes()))
}

impl SessionFile {
    /// The file at `path`, for sessions bound to `binding`.
    pub(super) fn new(path: &Path, binding: &str) -> Self {
        Self { path: path.to_owned(), binding: binding.to_owned() }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The session in it with `count` numbers of its own, which nobody else gets. `None`: there is none that can be used.
    ///
    /// # Errors
    /// Others can read the file, or it cannot be read or written.
    pub(super) fn take(&self, count: u64, clock: &str, now: Monotonic) -> io::Result<Option<ClientSession>> {
        let Some(mut file) = self.locked()? else { return Ok(None) };
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            let reason = "others than its owner can get at it; `chmod 600` it, or name another file";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        let mut text = Zeroizing::new(String::new());
        let read = (&mut file).take(FILE_BYTES).read_to_string(&mut text);
        let Some(mut kept) = read.ok().and_then(|_| KeptSession::from_text(text.trim())) else {
            return Ok(None);
        };
        let Some(session) = kept.reserve(count, &self.binding, clock, now) else { return Ok(None) };
        self.write(&kept)?;
        // The lock goes with the file.
        drop(file);
        Ok(Some(session))
    }

    /// Keeps a session that was opened.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&self, session: &ClientSession, clock: &str) -> io::Result<()> {
        self.write(&session.keep(&self.binding, clock))
    }

    /// Removes a session that is lost, if there is one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(super) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The file, locked, once nobody has put another in its place meanwhile.
    fn locked(&self) -> io::Result<Option<File>> {
        loop {
            let file = match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            file.lock()?;
            match fs::metadata(&self.path) {
                Ok(now) if now.ino() == file.metadata()?.ino() => return Ok(Some(file)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a new file in the place of the old one, for good: a reader finds one or the other, whole.
    fn write(&self, kept: &KeptSession) -> io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}", u64::from_ne_bytes(random()?)));
        let beside = self.path.with_file_name(name);
        let written = self.write_beside(&beside, kept);
        if written.is_err() {
            // Nobody to tell; the name is free for the next try in any case.
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn write_beside(&self, beside: &Path, kept: &KeptSession) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
        file.write_all(kept.to_text().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(beside, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}
