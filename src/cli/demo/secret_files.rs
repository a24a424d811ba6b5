//! Secrets of the demo: made for one run, in files that their owner alone can read, gone with it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::net::entropy;

/// A folder of secrets.
pub(super) struct SecretFiles(PathBuf);

impl SecretFiles {
    /// An empty folder of a new name.
    pub(super) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("ringwall-demo-{}", random_text()?));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    /// Makes a secret, and puts it into a file of this name.
    pub(super) fn make(&self, name: &str) -> io::Result<String> {
        let secret = random_text()?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(name))?;
        file.write_all(secret.as_bytes())?;
        Ok(secret)
    }

    /// Where the file of this name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(Path::new(name))
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        // What cannot be removed is worth nothing: the demo has ended.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

/// 32 hexadecimal digits.
fn random_text() -> io::Result<String> {
    let mut bytes = [0; 16];
    entropy::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
