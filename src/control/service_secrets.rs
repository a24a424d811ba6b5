//! Reads the passwords with which the proxy asks services.

use std::path::{Path, PathBuf};

use crate::net::secret_file::{SecretFile, SecretFileFault};
use crate::policy::service::Service;

/// Something about one of the files.
#[derive(Debug)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What to know about it.
    pub message: String,
}

/// Reads the password of every service that has one, and says what is odd.
///
/// # Errors
/// What is wrong with the files.
pub fn read_passwords(services: &mut [Service]) -> Result<Vec<Finding>, Vec<Finding>> {
    let (mut odd, mut wrong) = (Vec::new(), Vec::new());
    for credentials in services.iter_mut().filter_map(|service| service.credentials.as_mut()) {
        let path = credentials.password_file.clone();
        match SecretFile::read(&path) {
            Ok(SecretFile { secret, is_open }) => {
                if is_open {
                    odd.push(open(&path));
                }
                credentials.complete(secret.expose());
            }
            Err(fault) => wrong.push(finding(&path, &fault)),
        }
    }
    if wrong.is_empty() { Ok(odd) } else { Err(wrong) }
}

fn open(path: &Path) -> Finding {
    let shown = path.display();
    let message =
        format!("{shown}: everybody on this machine can get at this password; run `chmod 600 {shown}`");
    Finding { path: path.into(), message }
}

fn finding(path: &Path, fault: &SecretFileFault) -> Finding {
    Finding { path: path.into(), message: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::ruleset::UpstreamId;
    use crate::policy::service::Credentials;

    #[test]
    fn every_password_is_read_or_every_fault_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let service = |file: &str| Service {
            name: file.to_owned(),
            upstream: UpstreamId(0),
            path: "/".to_owned(),
            credentials: Some(Credentials::new("u".to_owned(), folder.path().join(file))),
            timeout: Duration::from_secs(1),
        };
        std::fs::write(folder.path().join("good"), "p\n").unwrap();
        let mut services = [service("good"), Service { credentials: None, ..service("none") }];
        assert_eq!(read_passwords(&mut services).unwrap().len(), 1, "the mode of a new file is open");
        let value = services[0].credentials.as_ref().unwrap().authorization.expose();
        assert_eq!(value, b"Basic dTpw");
        let wrong = read_passwords(&mut [service("a"), service("good"), service("b")]).unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].path.ends_with("a") && wrong[1].path.ends_with("b"));
    }
}
