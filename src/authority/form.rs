//! A form, `application/x-www-form-urlencoded` (RFC 6749 appendix B): names and values, each name once.

use zeroize::Zeroizing;

use crate::limits::AUTHORITY_FORM_PARAMETERS;

/// The parameters of a request. There is no `Debug`: they carry secrets and tokens.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads a body. `None` if it is no form: a broken escape, text that is not UTF-8, a name twice (RFC 6749 section
    /// 3.2), or too many of them.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let name = unescape(name)?;
            let is_known = parameters.iter().any(|(known, _)| *known == *name);
            if is_known || parameters.len() == AUTHORITY_FORM_PARAMETERS {
                return None;
            }
            parameters.push((name.to_string(), unescape(value.get(1..).unwrap_or_default())?));
        }
        Some(Self(parameters))
    }

    /// The value of a parameter. One without a value is not there (RFC 6749 section 3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Undoes the escapes of one name or value. `None` if they are broken, or the text is not UTF-8.
pub(super) fn unescape(text: &[u8]) -> Option<Zeroizing<String>> {
    let digit = |hex: u8| char::from(hex).to_digit(16).map(|digit| digit as u8);
    // Never grows: no copy of it stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', tail) => (b' ', tail),
            (b'%', [high, low, tail @ ..]) => (digit(*high)? << 4 | digit(*low)?, tail),
            (b'%', _) => return None,
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_unescaped() {
        let form = Form::parse(b"a=1&b=x+y%2Bz%c3%a4&&c&d=&e%3D==").unwrap();
        let names = ["a", "b", "c", "d", "e=", "f"];
        assert_eq!(
            names.map(|name| form.get(name)),
            [Some("1"), Some("x y+zä"), None, None, Some("="), None]
        );
        assert!(Form::parse(b"").is_some());
    }

    #[test]
    fn what_is_no_form_is_none() {
        for body in ["a=1&a=2", "a=1&%61=2", "a&a", "a=%", "a=%2", "a=%zz", "a=%ff", "%"] {
            assert!(Form::parse(body.as_bytes()).is_none(), "{body}");
        }
        let many = |count: usize| (0..count).map(|index| format!("p{index}=1&")).collect::<String>();
        assert!(Form::parse(many(AUTHORITY_FORM_PARAMETERS).as_bytes()).is_some());
        assert!(Form::parse(many(AUTHORITY_FORM_PARAMETERS + 1).as_bytes()).is_none());
    }
}
