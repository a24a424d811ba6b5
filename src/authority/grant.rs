//! What a token says: as the claims of a JWT (RFC 9068 section 2.2), and as the answer about it (RFC 7662 section 2.2).

use serde_json::{Value, json};

use super::settings::Application;

/// What was granted. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) client_id: String,
    /// The user; none where a client acts for itself.
    pub(super) subject: Option<String>,
    /// Words with a space between.
    pub(super) scope: String,
    pub(super) issued: u64,
    /// The first second at which it is no longer good.
    pub(super) expires: u64,
    /// How the user was authenticated.
    pub(super) amr: Vec<String>,
    pub(super) application: Option<Application>,
    /// How often it may be asked about; 0: as often as one likes.
    pub(super) usage_limit: u64,
    /// How often it was.
    pub(super) used: u64,
}

/// Whose word it is, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Signature<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a [String],
}

impl Grant {
    /// The claims of a JWT of this name (`jti`).
    pub(super) fn claims(&self, by: Signature<'_>, jti: &str) -> Value {
        // A token of a client for itself names the client (RFC 9068 section 2.2).
        let subject = self.subject.as_ref().unwrap_or(&self.client_id);
        let mut claims = json!({
            "iss": by.issuer, "aud": by.audience, "sub": subject, "client_id": self.client_id,
            "iat": self.issued, "nbf": self.issued, "exp": self.expires, "jti": jti,
        });
        self.add_details(&mut claims);
        if self.usage_limit > 0 {
            claims["usl"] = json!(self.usage_limit);
        }
        claims
    }

    /// The answer about it.
    pub(super) fn described(&self, by: Signature<'_>) -> Value {
        let mut answer = json!({
            "active": true, "token_type": "bearer", "iss": by.issuer, "aud": by.audience,
            "client_id": self.client_id, "iat": self.issued, "nbf": self.issued, "exp": self.expires,
            "usage_limit": self.usage_limit,
        });
        self.add_details(&mut answer);
        if let Some(subject) = &self.subject {
            answer["sub"] = json!(subject);
        }
        answer
    }

    /// What is not always there is left out where it is not: no member is empty.
    fn add_details(&self, document: &mut Value) {
        if !self.scope.is_empty() {
            document["scope"] = json!(self.scope);
        }
        if !self.amr.is_empty() {
            document["amr"] = json!(self.amr);
        }
        if let Some(application) = &self.application {
            document["app_identifier"] = json!(application.identifier);
            document["app_platform"] = json!(application.platform);
            document["app_version"] = json!(application.version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::fixture::grant;

    fn by(audience: &[String]) -> Signature<'_> {
        Signature { issuer: "https://login.test", audience }
    }

    #[test]
    fn a_token_says_what_was_granted() {
        let audience = ["shop".to_owned()];
        let expected = json!({
            "iss": "https://login.test", "aud": ["shop"], "sub": "alice", "client_id": "app", "iat": 100, "nbf": 100,
            "exp": 200, "jti": "1", "scope": "a b", "amr": ["PIN"], "app_identifier": "Shop", "app_platform": "ios",
            "app_version": "1.0",
        });
        assert_eq!(grant().claims(by(&audience), "1"), expected);
        let expected = json!({
            "active": true, "token_type": "bearer", "iss": "https://login.test", "aud": ["shop"], "sub": "alice",
            "client_id": "app", "iat": 100, "nbf": 100, "exp": 200, "usage_limit": 0, "scope": "a b", "amr": ["PIN"],
            "app_identifier": "Shop", "app_platform": "ios", "app_version": "1.0",
        });
        assert_eq!(grant().described(by(&audience)), expected);
    }

    #[test]
    fn a_client_for_itself_is_a_user_in_a_jwt_alone() {
        let bare = Grant {
            subject: None,
            scope: String::new(),
            amr: Vec::new(),
            application: None,
            usage_limit: 3,
            ..grant()
        };
        let claims = bare.claims(by(&[]), "1");
        assert_eq!((&claims["sub"], &claims["usl"]), (&json!("app"), &json!(3)));
        let answer = bare.described(by(&[]));
        assert_eq!(answer["usage_limit"], json!(3));
        for name in ["sub", "scope", "amr", "app_identifier", "app_platform", "app_version"] {
            assert!(answer.get(name).is_none(), "{name}");
            assert!(name == "sub" || claims.get(name).is_none(), "{name}");
        }
    }
}
