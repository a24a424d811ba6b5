//! The value of a field that a route sets: text with placeholders for what is known of the client, as in
//! `cn={client_certificate.subject}` or `{sub}`.
//!
//! Any name but those of the certificate is that of a claim of the judged token. Parsed once, with the configuration. For
//! a request the pieces are written straight into its head.

use std::borrow::Cow;

use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::token::verdict::Judgement;

/// A field value. Its text was checked to be one by whoever parsed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldTemplate {
    /// The same for every request.
    Fixed(String),
    /// Put together anew for each.
    Pieces(Vec<Piece>),
}

/// A part of a field value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Literal(String),
    /// What a placeholder stands for.
    Named(Name),
}

/// What can stand between braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `client_certificate.subject`
    CertificateSubject,
    /// `client_certificate.san`
    CertificateSan,
    /// `client_certificate.sha256`
    CertificateSha256,
    /// Any other name: that of a claim, as in `sub`, `scope`, `client_id`.
    Claim(Box<str>),
}

/// What is known of a client that proved it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity<'a> {
    /// The certificate that it proved to own.
    pub certificate: Option<&'a ClientCertificate>,
    /// What its token says, which was judged to be good for this request.
    pub claims: Option<&'a Judgement>,
    /// The time, in seconds since 1970: a part of the scope that is over is not told.
    pub now: u64,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldTemplateFault {
    /// A brace without its counterpart.
    #[error("a lone `{0}`: names stand between `{{` and `}}`, and a brace itself is written `{0}{0}`")]
    LoneBrace(char),
    /// A name that stands for nothing.
    #[error("`{{{0}}}` means nothing here; there are {names}, and claims such as `{{sub}}`; a brace itself is written twice", names = known_names())]
    UnknownName(String),
}

/// Begins the names that are no claims.
const CERTIFICATE: &str = "client_certificate";

const NAMES: &[(&str, Name)] = &[
    ("client_certificate.subject", Name::CertificateSubject),
    ("client_certificate.san", Name::CertificateSan),
    ("client_certificate.sha256", Name::CertificateSha256),
];

impl FieldTemplate {
    /// Reads `text`: names in braces, `{{` and `}}` for braces.
    pub fn parse(text: &str) -> Result<Self, FieldTemplateFault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(behind) = from.strip_prefix("{{") {
                literal.push('{');
                rest = behind;
            } else if let Some(behind) = from.strip_prefix("}}") {
                literal.push('}');
                rest = behind;
            } else if let Some(behind) = from.strip_prefix('{') {
                let (name, behind) = behind.split_once('}').ok_or(FieldTemplateFault::LoneBrace('{'))?;
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Named(Name::parse(name)?));
                rest = behind;
            } else {
                return Err(FieldTemplateFault::LoneBrace('}'));
            }
        }
        literal.push_str(rest);
        if pieces.is_empty() {
            return Ok(Self::Fixed(literal));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self::Pieces(pieces))
    }

    /// Appends the value for a client to `out`. False when there is none, and what was appended is for the caller to
    /// take back: a name stands for something that this client does not have, or nothing at all was written for the
    /// names. A field without its identity would be taken for an identity.
    pub fn append(&self, identity: &Identity<'_>, out: &mut Vec<u8>) -> bool {
        let pieces = match self {
            Self::Fixed(text) => {
                out.extend_from_slice(text.as_bytes());
                return true;
            }
            Self::Pieces(pieces) => pieces,
        };
        let mut named_bytes = 0;
        for piece in pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Named(name) => {
                    let start = out.len();
                    if name.append(identity, out).is_none() {
                        return false;
                    }
                    named_bytes += out.len() - start;
                }
            }
        }
        named_bytes > 0
    }

    /// True when it says something of the client's certificate.
    pub fn needs_certificate(&self) -> bool {
        self.names().any(|name| !matches!(name, Name::Claim(_)))
    }

    /// True when it says something of the client's token.
    pub fn needs_claims(&self) -> bool {
        self.names().any(|name| matches!(name, Name::Claim(_)))
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        let pieces = match self {
            Self::Fixed(_) => &[],
            Self::Pieces(pieces) => pieces.as_slice(),
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Named(name) => Some(name),
        })
    }
}

impl Default for FieldTemplate {
    fn default() -> Self {
        Self::Fixed(String::new())
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, FieldTemplateFault> {
        if let Some((_, name)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(name.clone());
        }
        // A slip in a name of the certificate's must not become a claim that nobody has.
        let is_claim = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'{')
            && !text.to_ascii_lowercase().starts_with(CERTIFICATE);
        let claim = is_claim.then(|| Self::Claim(text.into()));
        claim.ok_or_else(|| FieldTemplateFault::UnknownName(text.to_owned()))
    }

    /// Appends what it stands for. The texts of a certificate are printable ASCII ([`ClientCertificate`]): they cannot
    /// end the field. Those of a token may hold anything.
    fn append(&self, identity: &Identity<'_>, out: &mut Vec<u8>) -> Option<()> {
        if let Self::Claim(name) = self {
            return append_claim(identity.claims?, name, identity.now, out);
        }
        let certificate = identity.certificate?;
        match self {
            Self::CertificateSubject => out.extend_from_slice(certificate.subject.as_bytes()),
            Self::CertificateSan => append_list(&certificate.san, out),
            Self::CertificateSha256 => out.extend_from_slice(certificate.sha256.as_bytes()),
            Self::Claim(_) => {}
        }
        Some(())
    }
}

/// Appends a claim, if the token has it and it arrives as it is: visible ASCII, and spaces that do not stand at an end. Lists
/// go straight into the head, word by word.
fn append_claim(claims: &Judgement, name: &str, now: u64, out: &mut Vec<u8>) -> Option<()> {
    match name {
        "scope" => {
            let lasting = claims.scopes.iter().filter(|element| !element.has_expired(now));
            append_words(lasting.map(|element| &*element.name), out)
        }
        "amr" if claims.amr.is_empty() => None,
        "amr" => append_words(claims.amr.iter().map(|method| &**method), out),
        other => {
            let value: Cow<'_, str> = claims.claim(other)?;
            append_value(&value, out)
        }
    }
}

/// Appends `words` with a space between them, without a copy of them all. None may have one itself: nobody may pass one word,
/// such as `pwd otp`, for two.
fn append_words<'a>(words: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) -> Option<()> {
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
        is_word.then(|| out.extend_from_slice(word.as_bytes()))?;
    }
    Some(())
}

fn append_value(value: &str, out: &mut Vec<u8>) -> Option<()> {
    let is_value = value.bytes().all(|byte| matches!(byte, b' '..=b'~')) && value.trim_matches(' ') == value;
    is_value.then(|| out.extend_from_slice(value.as_bytes()))
}

/// Appends `names` with commas between them. A comma within a name becomes `%2C`: nobody may pass one name, such as
/// `uri:a:,dns:admin`, for two.
fn append_list(names: &[String], out: &mut Vec<u8>) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        for (at, part) in name.split(',').enumerate() {
            if at > 0 {
                out.extend_from_slice(b"%2C");
            }
            out.extend_from_slice(part.as_bytes());
        }
    }
}

fn known_names() -> String {
    NAMES.iter().map(|(name, _)| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::access_rule::fixture::{NOW, judgement};
    use crate::protocol::token::verdict::ScopeElement;

    fn certificate(subject: &str, san: &[&str]) -> ClientCertificate {
        ClientCertificate {
            subject: subject.to_owned(),
            san: san.iter().map(|name| (*name).to_owned()).collect(),
            sha256: "9f86".to_owned(),
        }
    }

    /// Holds what `template` becomes for a client; `None`: nothing.
    #[track_caller]
    fn check(template: &str, certificate: Option<&ClientCertificate>, expected: Option<&str>) {
        let mut out = b"x: ".to_vec();
        let parsed = FieldTemplate::parse(template).unwrap();
        let identity = Identity { certificate, ..Identity::default() };
        let written = parsed.append(&identity, &mut out).then_some(&out[3..]);
        assert_eq!(written, expected.map(str::as_bytes), "{template:?}");
        assert!(out.starts_with(b"x: "));
    }

    #[test]
    fn text_without_names_is_the_same_for_everybody() {
        let somebody = certificate("CN=a", &[]);
        for (template, value) in [("", ""), ("a b", "a b"), ("{{sub}}", "{sub}"), ("}}{{", "}{")] {
            let parsed = FieldTemplate::parse(template).unwrap();
            assert_eq!(parsed, FieldTemplate::Fixed(value.to_owned()));
            assert!(!parsed.needs_certificate() && !parsed.needs_claims(), "{template:?}");
            check(template, None, Some(value));
            check(template, Some(&somebody), Some(value));
        }
    }

    #[test]
    fn names_stand_for_what_the_certificate_says() {
        let somebody = certificate("CN=a,O=b", &["dns:a.test", "uri:spiffe://a"]);
        for (template, value) in [
            ("{client_certificate.subject}", "CN=a,O=b"),
            ("{client_certificate.san}", "dns:a.test,uri:spiffe://a"),
            ("<{client_certificate.sha256}>", "<9f86>"),
            ("{{{client_certificate.sha256}}}", "{9f86}"),
            ("h={client_certificate.sha256};s=\"{client_certificate.subject}\"", "h=9f86;s=\"CN=a,O=b\""),
            ("{client_certificate.sha256}{client_certificate.sha256}", "9f869f86"),
        ] {
            let parsed = FieldTemplate::parse(template).unwrap();
            assert!(parsed.needs_certificate() && !parsed.needs_claims(), "{template:?}");
            check(template, Some(&somebody), Some(value));
            check(template, None, None);
        }
    }

    #[test]
    fn a_field_without_the_identity_it_is_for_is_none() {
        let nameless = certificate("", &[]);
        check("user={client_certificate.subject}", Some(&nameless), None);
        check("{client_certificate.san}", Some(&nameless), None);
        check("{client_certificate.subject}/{client_certificate.sha256}", Some(&nameless), Some("/9f86"));
    }

    #[test]
    fn one_name_of_a_certificate_cannot_pass_for_two() {
        let forged = certificate("", &["uri:a:,dns:admin", "dns:b"]);
        check("{client_certificate.san}", Some(&forged), Some("uri:a:%2Cdns:admin,dns:b"));
    }

    #[test]
    fn what_is_wrong_in_braces_is_named() {
        let unknown = |name: &str| FieldTemplateFault::UnknownName(name.to_owned());
        for (template, fault) in [
            ("{}", unknown("")),
            ("{client_certificate}", unknown("client_certificate")),
            ("{client_certificate.sbuject}", unknown("client_certificate.sbuject")),
            ("{Client_Certificate.subject}", unknown("Client_Certificate.subject")),
            ("{user name}", unknown("user name")),
            ("{sub\r\n}", unknown("sub\r\n")),
            ("{naïve}", unknown("naïve")),
            ("{{{a{b}}", unknown("a{b")),
            ("{ client_certificate.san }", unknown(" client_certificate.san ")),
            ("a{", FieldTemplateFault::LoneBrace('{')),
            ("{client_certificate.san", FieldTemplateFault::LoneBrace('{')),
            ("a}", FieldTemplateFault::LoneBrace('}')),
            ("{{a}", FieldTemplateFault::LoneBrace('}')),
        ] {
            assert_eq!(FieldTemplate::parse(template), Err(fault), "{template:?}");
        }
        let message = unknown("a b").to_string();
        assert!(
            message.starts_with("`{a b}` means nothing here; there are `{client_certificate.subject}`, ")
        );
    }

    /// Holds what `template` becomes for a token; `None`: nothing.
    #[track_caller]
    fn check_claims(template: &str, claims: Option<&Judgement>, expected: Option<&str>) {
        let parsed = FieldTemplate::parse(template).unwrap();
        assert!(parsed.needs_claims(), "{template:?}");
        let mut out = Vec::new();
        let identity = Identity { claims, now: NOW, ..Identity::default() };
        let written = parsed.append(&identity, &mut out).then_some(out.as_slice());
        assert_eq!(written, expected.map(str::as_bytes), "{template:?}");
    }

    #[test]
    fn names_stand_for_what_the_token_says() {
        let token = judgement();
        for (template, value) in [
            ("{sub}", Some("alice")),
            ("{scope}", Some("read write")),
            ("{client_id}", Some("app")),
            ("{iss}", Some("https://login.test")),
            ("{amr}", Some("pwd otp")),
            ("{acr}", Some("gold")),
            ("{tenant}", Some("t-1")),
            ("user={sub};tenant={tenant}", Some("user=alice;tenant=t-1")),
            ("{{{sub}}}", Some("{alice}")),
            ("{jti}", None),
            ("{none}", None),
            ("{Sub}", None),
            ("{sub}{none}", None),
            ("{urn:a.test/claim}", None),
            ("{evil}", None),
            ("a{evil}", None),
        ] {
            check_claims(template, Some(&token), value);
            check_claims(template, None, None);
        }
        let both = FieldTemplate::parse("{sub} {client_certificate.subject}").unwrap();
        assert!(both.needs_claims() && both.needs_certificate());
        let (mut out, somebody) = (Vec::new(), certificate("CN=a", &[]));
        let identity = Identity { certificate: Some(&somebody), claims: Some(&token), now: NOW };
        assert!(both.append(&identity, &mut out));
        assert_eq!(out, b"alice CN=a");
    }

    #[test]
    fn a_claim_that_would_not_arrive_as_it_is_makes_no_field() {
        for (value, arrives) in [
            ("alice", true),
            ("Alice van den Berg", true),
            ("a,b;c=\"d\"\\", true),
            ("", false),
            (" alice", false),
            ("alice ", false),
            (" ", false),
            ("a\r\nx-role: admin", false),
            ("a\n", false),
            ("a\rb", false),
            ("a\0b", false),
            ("a\tb", false),
            ("a\u{7f}", false),
            ("José", false),
            ("a\u{85}b", false),
        ] {
            let named = Judgement { subject: Some(value.into()), ..judgement() };
            check_claims("{sub}", Some(&named), arrives.then_some(value));
            let claims = serde_json::json!({ "name": value }).to_string().into();
            check_claims("{name}", Some(&Judgement { claims, ..judgement() }), arrives.then_some(value));
        }
        for (claim, value) in
            [("7", Some("7")), ("true", Some("true")), ("[\"a\"]", None), ("{}", None), ("null", None)]
        {
            let claims = format!("{{\"claim\": {claim}}}").into();
            check_claims("{claim}", Some(&Judgement { claims, ..judgement() }), value);
        }
    }

    #[test]
    fn a_part_of_the_scope_that_is_over_is_not_told() {
        let element = |name: &str, expires| ScopeElement { name: name.into(), expires, is_mandatory: false };
        for (elements, value) in [
            (vec![element("a", Some(NOW + 1)), element("b", Some(NOW)), element("c", None)], Some("a c")),
            (vec![element("a", Some(NOW)), element("b", None)], Some("b")),
            (vec![element("a", Some(NOW))], None),
            (vec![element("a", None), element("b\n", None)], None),
            (Vec::new(), None),
        ] {
            check_claims("{scope}", Some(&Judgement { scopes: elements.into(), ..judgement() }), value);
        }
    }

    #[test]
    fn one_word_of_a_list_cannot_pass_for_two() {
        for (methods, value) in [
            (vec!["pwd", "otp"], Some("pwd otp")),
            (vec!["pwd"], Some("pwd")),
            (vec!["pwd otp"], None),
            (vec!["pwd", "otp "], None),
            (vec!["pwd", ""], None),
            (vec!["pwd", "a\r\nx: y"], None),
            (vec![], None),
        ] {
            let amr = methods.into_iter().map(Into::into).collect();
            check_claims("{amr}", Some(&Judgement { amr, ..judgement() }), value);
        }
        let scopes = [ScopeElement::lasting("read write")].into();
        check_claims("{scope}", Some(&Judgement { scopes, ..judgement() }), None);
        // Nothing where something was to be said.
        check_claims("{sub} {amr}", Some(&Judgement { amr: [].into(), ..judgement() }), None);
    }
}
