//! The claims of a token or of an answer about one: typed, and checked one by one.
//!
//! A claim that is `null` or an empty text is not there; one of another type than it must have is a fault, because what
//! cannot be read must not be taken for absent. Which claims there must be, and in which order they are checked, is the
//! caller's.

use super::compact_jws::decoded;
use super::verdict::{ApplicationClaims, Constraint, Judgement, NO_EXPIRY, ScopeElement, TokenFault};
use crate::limits::{TOKEN_FUTURE_SECONDS, TOKEN_TIME_MAX};
use crate::protocol::strict_json::{Member, Object};

/// In what an issuer counts time. It is configured, never guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since 1970, as RFC 7519 has it.
    #[default]
    Seconds,
    /// Milliseconds since 1970, as some servers have it.
    Milliseconds,
}

impl TimeUnit {
    /// A time at which something ends, in seconds.
    pub(super) fn expiry(self, member: &Member) -> Result<u64, TokenFault> {
        seconds(member, self, Towards::Earlier)
    }
}

/// One object of claims.
pub(super) struct ClaimSet {
    object: Object,
    text: Box<str>,
    unit: TimeUnit,
}

/// To which side a time between two seconds goes: always to that which grants less.
#[derive(Clone, Copy)]
enum Towards {
    Earlier,
    Later,
}

impl ClaimSet {
    /// Reads an object in which no member appears twice.
    pub(super) fn parse(text: Vec<u8>, unit: TimeUnit) -> Result<Self, TokenFault> {
        let object = Object::parse(&text).ok_or(TokenFault::Claims)?;
        let text = String::from_utf8(text).map_err(|_| TokenFault::Claims)?;
        Ok(Self { object, text: text.into(), unit })
    }

    /// Its members.
    pub(super) fn object(&self) -> &Object {
        &self.object
    }

    /// True if there is a claim of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.present(name).is_some()
    }

    /// A claim that is a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, TokenFault> {
        match self.object.present(name) {
            None => Ok(None),
            Some(Member::Text(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(TokenFault::Claims),
        }
    }

    /// A claim that is a list of texts, or one text.
    pub(super) fn texts(&self, name: &str) -> Result<Box<[Box<str>]>, TokenFault> {
        match self.object.present(name) {
            None => Ok(Box::default()),
            Some(Member::Text(text)) => Ok([text.as_str().into()].into()),
            Some(Member::List(list)) => {
                let texts =
                    list.iter().map(|element| element.as_text().map(Box::from).ok_or(TokenFault::Claims));
                texts.collect()
            }
            Some(_) => Err(TokenFault::Claims),
        }
    }

    /// `exp`, in seconds.
    pub(super) fn expires(&self) -> Result<Option<u64>, TokenFault> {
        self.time("exp", Towards::Earlier)
    }

    fn time(&self, name: &str, towards: Towards) -> Result<Option<u64>, TokenFault> {
        self.object.present(name).map(|member| seconds(member, self.unit, towards)).transpose()
    }

    /// The issuer must be `expected`, letter for letter. Absent, it is fine unless it `must_be_there`.
    pub(super) fn check_issuer(&self, expected: &str, must_be_there: bool) -> Result<(), TokenFault> {
        match self.text("iss")? {
            Some(issuer) if issuer == expected => Ok(()),
            Some(_) => Err(TokenFault::Issuer),
            None if must_be_there => Err(TokenFault::MissingClaim),
            None => Ok(()),
        }
    }

    /// One of those whom it is for must be one of `ours`. Absent, it is fine unless it `must_be_there`.
    pub(super) fn check_audience(&self, ours: &[Box<str>], must_be_there: bool) -> Result<(), TokenFault> {
        if !self.has("aud") {
            return if must_be_there { Err(TokenFault::MissingClaim) } else { Ok(()) };
        }
        let audience = self.texts("aud")?;
        if audience.iter().any(|one| ours.contains(one)) { Ok(()) } else { Err(TokenFault::Audience) }
    }

    /// `exp`, `nbf` and `iat` at `now`, in this order; clocks may differ by `skew`. Of these `exp` alone can be a must.
    pub(super) fn check_times(&self, now: u64, skew: u64, must_expire: bool) -> Result<(), TokenFault> {
        match self.expires()? {
            Some(expires) if now >= expires.saturating_add(skew) => return Err(TokenFault::Expired),
            None if must_expire => return Err(TokenFault::MissingClaim),
            Some(_) | None => {}
        }
        if self.time("nbf", Towards::Later)?.is_some_and(|begins| begins > now.saturating_add(skew)) {
            return Err(TokenFault::NotYetValid);
        }
        let latest = now.saturating_add(TOKEN_FUTURE_SECONDS);
        if self.time("iat", Towards::Later)?.is_some_and(|issued| issued > latest) {
            return Err(TokenFault::IssuedLater);
        }
        Ok(())
    }

    /// What all claims together say.
    pub(super) fn judgement(self, issuer: u16) -> Result<Judgement, TokenFault> {
        let own = |name: &str| self.text(name).map(|text| text.map(Box::from));
        let client_id = match own("client_id")? {
            Some(id) => Some(id),
            None => own("cid")?.map_or_else(|| own("azp"), |id| Ok(Some(id)))?,
        };
        Ok(Judgement {
            issuer,
            expires: self.expires()?.unwrap_or(NO_EXPIRY),
            subject: own("sub")?,
            client_id,
            issuer_name: own("iss")?,
            jti: own("jti")?,
            scopes: self.scopes()?,
            audience: self.texts("aud")?,
            amr: self.texts("amr")?,
            acr: own("acr")?,
            auth_time: self.time("auth_time", Towards::Earlier)?,
            constraint: self.constraint()?,
            application: ApplicationClaims {
                id: own("app_identifier")?,
                platform: own("app_platform")?,
                version: own("app_version")?,
            },
            user: None,
            may_be_cached: !self.is_counted("usage_limit")? && !self.is_counted("usl")?,
            claims: self.text,
        })
    }

    /// `scope`, or else `scp`: words with a space between, or a list of words.
    fn scopes(&self) -> Result<Box<[ScopeElement]>, TokenFault> {
        let name = if self.has("scope") { "scope" } else { "scp" };
        let words: Vec<&str> = match self.object.present(name) {
            None => Vec::new(),
            Some(Member::Text(text)) => text.split(' ').filter(|word| !word.is_empty()).collect(),
            Some(Member::List(list)) => {
                list.iter().map(|word| word.as_text().ok_or(TokenFault::Claims)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(TokenFault::Claims),
        };
        if words.iter().all(|word| is_scope_token(word)) {
            Ok(words.into_iter().map(ScopeElement::lasting).collect())
        } else {
            Err(TokenFault::Claims)
        }
    }

    /// `cnf` (RFC 7800). What binds the token in a way that is not checked here must not look like no binding.
    fn constraint(&self) -> Result<Option<Constraint>, TokenFault> {
        let confirmation = match self.object.present("cnf") {
            None => return Ok(None),
            Some(Member::Object(confirmation)) => confirmation,
            Some(_) => return Err(TokenFault::Confirmation),
        };
        let mut members = confirmation.members();
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            return Err(TokenFault::Confirmation);
        };
        let hash = value.as_text().and_then(decoded).and_then(|hash| hash.try_into().ok());
        match (name, hash) {
            ("jkt", Some(hash)) => Ok(Some(Constraint::Key(hash))),
            ("x5t#S256", Some(hash)) => Ok(Some(Constraint::Certificate(hash))),
            _ => Err(TokenFault::Confirmation),
        }
    }

    /// True if the claim of this name bounds how often the token may be used. 0 is no bound.
    fn is_counted(&self, name: &str) -> Result<bool, TokenFault> {
        match self.object.present(name) {
            None | Some(Member::Unsigned(0)) => Ok(false),
            Some(Member::Unsigned(_)) => Ok(true),
            Some(_) => Err(TokenFault::Claims),
        }
    }
}

/// A time in seconds since 1970: a number that is not negative, whole or not.
fn seconds(member: &Member, unit: TimeUnit, towards: Towards) -> Result<u64, TokenFault> {
    let number = match (member, towards) {
        (Member::Unsigned(number), _) => *number,
        // Saturates, and is then refused below.
        (Member::Fraction(number), Towards::Earlier) if *number >= 0.0 => number.floor() as u64,
        (Member::Fraction(number), Towards::Later) if *number >= 0.0 => number.ceil() as u64,
        _ => return Err(TokenFault::Claims),
    };
    match (unit, towards) {
        (TimeUnit::Seconds, _) if number <= TOKEN_TIME_MAX => Ok(number),
        (TimeUnit::Milliseconds, _) if number > TOKEN_TIME_MAX.saturating_mul(1000) => {
            Err(TokenFault::TimeUnit)
        }
        (TimeUnit::Milliseconds, Towards::Earlier) if number >= TOKEN_TIME_MAX => Ok(number / 1000),
        (TimeUnit::Milliseconds, Towards::Later) if number >= TOKEN_TIME_MAX => Ok(number.div_ceil(1000)),
        _ => Err(TokenFault::TimeUnit),
    }
}

/// A word of a scope (RFC 6749 section 3.3).
pub(crate) fn is_scope_token(word: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !word.is_empty() && word.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
