//! Which token a form is about: `token` of a request to revoke one (RFC 7009 section 2.1), or of an order to forget one.
//!
//! What becomes of it is the caller's business.

use ring::digest::{SHA256, digest};

use crate::limits::TOKEN_BYTES;

/// SHA-256 of the one `token` in a form (`application/x-www-form-urlencoded`); `None` if there is none, or several, or what
/// there is is no token.
pub fn hash_in_form(form: &[u8]) -> Option<[u8; 32]> {
    let mut own = form.split(|byte| *byte == b'&').filter_map(|pair| pair.strip_prefix(b"token="));
    let value = own.next().filter(|_| own.next().is_none())?;
    hash_of_value(value)
}

/// SHA-256 of the token that a form has as this value.
pub fn hash_of_value(value: &[u8]) -> Option<[u8; 32]> {
    let token = unescape(value)?;
    if token.is_empty() || token.len() > TOKEN_BYTES || !token.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &token).as_ref());
    Some(hash)
}

/// One value of a form. A plus stands for itself and not for a space: tokens have the one and never the other.
fn unescape(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => (digit(*high)? << 4 | digit(*low)?, tail),
            (b'%', _) | (b'&', _) => return None,
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    Some(bytes)
}

/// What a hexadecimal digit stands for.
pub fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> Option<[u8; 32]> {
        digest(&SHA256, text.as_bytes()).as_ref().try_into().ok()
    }

    #[test]
    fn a_form_names_one_token_wherever_it_stands() {
        let long = "a".repeat(TOKEN_BYTES);
        for (form, token) in [
            ("token=abc", "abc"),
            ("token=abc&token_type_hint=access_token", "abc"),
            ("client_id=x&token_type_hint=refresh_token&token=a+b/c~._-==", "a+b/c~._-=="),
            ("token=a%2Bb%2fc%3D", "a+b/c="),
            (&format!("token={long}&x"), &long),
        ] {
            assert_eq!(hash_in_form(form.as_bytes()), hash(token), "{form}");
        }
        for form in [
            "",
            "abc",
            "token",
            "token=",
            "Token=abc",
            "xtoken=abc",
            "token=abc&token=abc",
            "token=a%",
            "token=a%2",
            "token=a%zz",
            "token=a%20b",
            "token=a b",
            &format!("token={long}a"),
        ] {
            assert_eq!(hash_in_form(form.as_bytes()), None, "{form}");
        }
    }
}
