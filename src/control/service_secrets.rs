//! Reads the passwords and private keys with which the proxy asks services.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::net::entropy;
use crate::net::secret_file::{SecretFile, SecretFileFault};
use crate::policy::service::{Credentials, CredentialsForm, Service};
use crate::protocol::token::client_assertion::AssertionKey;

/// Something about one of the files.
#[derive(Debug)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What to know about it.
    pub message: String,
}

/// Reads the password or key of every service that has one, and says what is odd.
///
/// # Errors
/// What is wrong with the files.
pub fn read_secrets(services: &mut [Service]) -> Result<Vec<Finding>, Vec<Finding>> {
    let (mut odd, mut wrong) = (Vec::new(), Vec::new());
    for credentials in services.iter_mut().filter_map(|service| service.credentials.as_mut()) {
        let path = credentials.secret_file.clone();
        match read(credentials) {
            Ok(is_open) if is_open => odd.push(open(&path)),
            Ok(_) => {}
            Err(message) => wrong.push(Finding { path, message }),
        }
    }
    if wrong.is_empty() { Ok(odd) } else { Err(wrong) }
}

/// Completes `credentials`. True: everybody on this machine can get at the file.
fn read(credentials: &mut Credentials) -> Result<bool, String> {
    let path = &credentials.secret_file;
    let told = |fault: SecretFileFault| fault.to_string();
    if let CredentialsForm::ClientAssertion(rules) = &credentials.form {
        let SecretFile { secret, is_open } = SecretFile::read_private_key(path).map_err(told)?;
        let key = AssertionKey::from_pkcs8(secret.expose(), rules.algorithm, &entropy::for_signing());
        let key = key.map_err(|fault| format!("{}: {fault}", path.display()))?;
        credentials.key = Some(Arc::new(key));
        return Ok(is_open);
    }
    let SecretFile { secret, is_open } = SecretFile::read(path).map_err(told)?;
    credentials.complete(secret.expose());
    Ok(is_open)
}

fn open(path: &Path) -> Finding {
    let shown = path.display();
    let message =
        format!("{shown}: everybody on this machine can get at this secret; run `chmod 600 {shown}`");
    Finding { path: path.into(), message }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::ruleset::UpstreamId;
    use crate::protocol::token::algorithm::Algorithm;
    use crate::protocol::token::client_assertion::AssertionRules;

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
        assert_eq!(read_secrets(&mut services).unwrap().len(), 1, "the mode of a new file is open");
        let value = services[0].credentials.as_ref().unwrap().authorization.expose();
        assert_eq!(value, b"Basic dTpw");
        let wrong = read_secrets(&mut [service("a"), service("good"), service("b")]).unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].path.ends_with("a") && wrong[1].path.ends_with("b"));
    }

    #[test]
    fn a_key_is_read_that_can_sign_as_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, include_str!("../../tests/fixtures/token/rsa_private_key.pem")).unwrap();
        let check = |algorithm, expected| {
            let rules = AssertionRules { audience: "a".into(), key_id: None, algorithm };
            let form = CredentialsForm::ClientAssertion(rules);
            let credentials = Credentials { form, ..Credentials::new("u".to_owned(), path.clone()) };
            let mut services = [Service {
                name: "s".to_owned(),
                upstream: UpstreamId(0),
                path: "/".to_owned(),
                credentials: Some(credentials),
                timeout: Duration::from_secs(1),
            }];
            let told = read_secrets(&mut services);
            let key = services[0].credentials.as_ref().unwrap().key.as_ref();
            assert_eq!(key.map(|key| key.algorithm()), expected);
            if let Err(wrong) = told {
                assert!(
                    expected.is_none() && wrong[0].message.starts_with(path.to_str().unwrap()),
                    "{wrong:?}"
                );
            }
        };
        check(None, Some(Algorithm::Ps256));
        check(Some(Algorithm::Rs256), Some(Algorithm::Rs256));
        check(Some(Algorithm::Es256), None);
        std::fs::write(&path, "a password").unwrap();
        check(None, None);
    }
}
