//! The value of a field that a route sets: text with placeholders for what is known of the client, as in
//! `cn={client_certificate.subject}`.
//!
//! Parsed once, with the configuration. For a request the pieces are written straight into its head.

use crate::protocol::client_certificate::ClientCertificate;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `client_certificate.subject`
    CertificateSubject,
    /// `client_certificate.san`
    CertificateSan,
    /// `client_certificate.sha256`
    CertificateSha256,
}

/// What is known of a client that proved it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity<'a> {
    /// The certificate that it proved to own.
    pub certificate: Option<&'a ClientCertificate>,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldTemplateFault {
    /// A brace without its counterpart.
    #[error("a lone `{0}`: names stand between `{{` and `}}`, and a brace itself is written `{0}{0}`")]
    LoneBrace(char),
    /// A name that stands for nothing.
    #[error("`{{{0}}}` means nothing here; there are {names}; a brace itself is written twice", names = known_names())]
    UnknownName(String),
}

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
        // Whatever has a name in it does.
        matches!(self, Self::Pieces(_))
    }
}

impl Default for FieldTemplate {
    fn default() -> Self {
        Self::Fixed(String::new())
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, FieldTemplateFault> {
        let known = NAMES.iter().find(|(name, _)| *name == text);
        known.map(|(_, name)| *name).ok_or_else(|| FieldTemplateFault::UnknownName(text.to_owned()))
    }

    /// Appends what it stands for. The texts of a certificate are printable ASCII ([`ClientCertificate`]): they cannot
    /// end the field.
    fn append(self, identity: &Identity<'_>, out: &mut Vec<u8>) -> Option<()> {
        let certificate = identity.certificate?;
        match self {
            Self::CertificateSubject => out.extend_from_slice(certificate.subject.as_bytes()),
            Self::CertificateSan => append_list(&certificate.san, out),
            Self::CertificateSha256 => out.extend_from_slice(certificate.sha256.as_bytes()),
        }
        Some(())
    }
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
        let written = parsed.append(&Identity { certificate }, &mut out).then_some(&out[3..]);
        assert_eq!(written, expected.map(str::as_bytes), "{template:?}");
        assert!(out.starts_with(b"x: "));
    }

    #[test]
    fn text_without_names_is_the_same_for_everybody() {
        let somebody = certificate("CN=a", &[]);
        for (template, value) in [("", ""), ("a b", "a b"), ("{{sub}}", "{sub}"), ("}}{{", "}{")] {
            let parsed = FieldTemplate::parse(template).unwrap();
            assert_eq!(parsed, FieldTemplate::Fixed(value.to_owned()));
            assert!(!parsed.needs_certificate(), "{template:?}");
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
            assert!(FieldTemplate::parse(template).unwrap().needs_certificate(), "{template:?}");
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
            ("{sub}", unknown("sub")),
            ("{}", unknown("")),
            ("{client_certificate}", unknown("client_certificate")),
            ("{ client_certificate.san }", unknown(" client_certificate.san ")),
            ("a{", FieldTemplateFault::LoneBrace('{')),
            ("{client_certificate.san", FieldTemplateFault::LoneBrace('{')),
            ("a}", FieldTemplateFault::LoneBrace('}')),
            ("{{a}", FieldTemplateFault::LoneBrace('}')),
        ] {
            assert_eq!(FieldTemplate::parse(template), Err(fault), "{template:?}");
        }
        let message = unknown("sub").to_string();
        assert!(
            message.starts_with("`{sub}` means nothing here; there are `{client_certificate.subject}`, ")
        );
    }
}
