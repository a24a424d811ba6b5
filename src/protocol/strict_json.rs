//! JSON objects in which no member appears twice: of two readers of one text neither sees what the other does not.
//!
//! How deep a text may nest is serde_json's bound (128 levels). Which members there must be, and how long the text may
//! be, is left to the caller.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// An object's members by their names.
#[derive(Debug)]
pub(crate) struct Object(BTreeMap<String, Member>);

/// The value of a member.
#[derive(Debug)]
pub(crate) enum Member {
    Object(Object),
    List(Vec<Member>),
    Text(String),
    Unsigned(u64),
    /// A whole number below 0.
    Negative(i64),
    /// A number with a fraction or an exponent, or one beyond 64 bits. Finite.
    Fraction(f64),
    Bool(bool),
    Null,
}

impl Object {
    /// Reads a text that is one object. `None` for anything else, or if a member appears twice at any depth.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match serde_json::from_slice(text) {
            Ok(Member::Object(object)) => Some(object),
            Ok(_) | Err(_) => None,
        }
    }

    /// The member of this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.0.get(name)
    }

    /// The member of this name, unless it is `null`: for texts whose writers say `null` for what is not there.
    pub(crate) fn present(&self, name: &str) -> Option<&Member> {
        self.member(name).filter(|member| !matches!(member, Member::Null))
    }

    /// All members, by name.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.0.iter().map(|(name, member)| (name.as_str(), member))
    }

    /// The member of this name, if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_text()
    }

    /// The member of this name, if it is a whole number that is not negative.
    pub(crate) fn unsigned(&self, name: &str) -> Option<u64> {
        match self.member(name)? {
            Member::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// The member of this name, if it is an object.
    pub(crate) fn object(&self, name: &str) -> Option<&Self> {
        match self.member(name)? {
            Member::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The member of this name, if it is a list.
    pub(crate) fn list(&self, name: &str) -> Option<&[Member]> {
        match self.member(name)? {
            Member::List(list) => Some(list),
            _ => None,
        }
    }
}

impl Member {
    /// The text that it is, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The member `name` at the top of `text` as a text, if it is a text, a whole number of 64 bits, `true` or `false`. Reads past everything
/// else without keeping it, so that a template may ask on every request. `text` is one that [`Object::parse`] takes.
pub(crate) fn scalar(text: &str, name: &str) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(ScalarVisitor { name }).ok()?
}

struct ScalarVisitor<'a> {
    name: &'a str,
}

impl<'de> Visitor<'de> for ScalarVisitor<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Option<String>, A::Error> {
        let mut found = None;
        while let Some(is_asked) = access.next_key_seed(IsName(self.name))? {
            if is_asked {
                found = match access.next_value::<Member>()? {
                    Member::Text(text) => Some(text),
                    Member::Unsigned(number) => Some(number.to_string()),
                    Member::Negative(number) => Some(number.to_string()),
                    Member::Bool(truth) => Some(truth.to_string()),
                    // Of a fraction, and of a number beyond 64 bits, nobody keeps the digits: two of them may look alike.
                    Member::Fraction(_) | Member::Object(_) | Member::List(_) | Member::Null => None,
                };
            } else {
                access.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a text is this one, without a copy of it.
struct IsName<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Member, A::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = access.next_key::<String>()? {
            match members.entry(name) {
                Entry::Vacant(place) => place.insert(access.next_value()?),
                Entry::Occupied(_) => return Err(A::Error::custom("a member appears twice")),
            };
        }
        Ok(Member::Object(Object(members)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Member, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = access.next_element()? {
            list.push(element);
        }
        Ok(Member::List(list))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Member, E> {
        Ok(Member::Text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member, E> {
        Ok(Member::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member, E> {
        Ok(Member::Negative(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Member, E> {
        Ok(Member::Fraction(number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Member, E> {
        Ok(Member::Bool(truth))
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_object_without_repetition_is_read() {
        let check = |text: &str, accepted: bool| {
            assert_eq!(Object::parse(text.as_bytes()).is_some(), accepted, "{text}");
        };
        check("{}", true);
        check(" {\"a\": [1, {\"b\": null}], \"c\": -1, \"d\": 1.5, \"e\": true}\n", true);
        check("{\"a\": 1, \"a\": 1}", false);
        check("{\"a\": 1, \"\\u0061\": 1}", false);
        check("{\"a\": {\"b\": 1, \"b\": 2}}", false);
        check("{\"a\": [{\"b\": 1, \"b\": 2}]}", false);
        check("{\"a\": [[{\"b\": null, \"b\": null}]]}", false);
        check("{\"a\": {}, \"b\": {\"a\": 1}}", true);
        check("[1]", false);
        check("\"text\"", false);
        check("{} {}", false);
        check("{\"a\": \"\\ud800\"}", false);
        check("{\"a\": 1e999}", false);
        check("{\"a\": NaN}", false);
        check("", false);
        check(&"{\"a\":".repeat(4096), false);
        check(&format!("{}{}", "{\"a\":[".repeat(200), "]}".repeat(200)), false);
    }

    #[test]
    fn members_are_what_they_are() {
        let object = Object::parse(
            br#"{"t": "x\n", "n": 18446744073709551615, "f": 1.0, "o": {"n": 1}, "l": ["a", -1, false],
                 "z": null, "big": 18446744073709551616}"#,
        );
        let object = object.expect("an object");
        assert_eq!(object.text("t"), Some("x\n"));
        assert_eq!(object.unsigned("n"), Some(u64::MAX));
        assert_eq!(object.unsigned("f"), None, "a fraction is no count");
        assert_eq!(object.unsigned("big"), None, "beyond 64 bits");
        assert!(matches!(object.member("f"), Some(Member::Fraction(1.0))));
        assert_eq!(object.unsigned("t"), None);
        assert_eq!(object.text("n"), None);
        assert!(object.member("none").is_none());
        assert_eq!(object.object("o").and_then(|inner| inner.unsigned("n")), Some(1));
        assert!(object.object("l").is_none() && object.list("o").is_none());
        let list = object.list("l").expect("a list");
        assert!(
            matches!(list, [Member::Text(text), Member::Negative(-1), Member::Bool(false)] if text == "a")
        );
        assert!(object.member("z").is_some() && object.present("z").is_none());
        assert_eq!(
            object.members().map(|(name, _)| name).collect::<Vec<_>>(),
            ["big", "f", "l", "n", "o", "t", "z"]
        );
    }

    #[test]
    fn a_scalar_is_found_at_the_top_alone() {
        let text = r#"{"o": {"a": 1}, "l": ["a"], "t": "x\ny", "n": 7, "m": -7, "f": 1.5, "b": true, "z": null, "\u0065s\n": 1}"#;
        let check =
            |name: &str, value: Option<&str>| assert_eq!(scalar(text, name).as_deref(), value, "{name}");
        check("t", Some("x\ny"));
        check("n", Some("7"));
        check("m", Some("-7"));
        check("f", None);
        check("b", Some("true"));
        check("es\n", Some("1"));
        for name in ["a", "o", "l", "z", "none", ""] {
            check(name, None);
        }
        assert_eq!(scalar("[1]", "a"), None);
        assert_eq!(scalar("{\"a\": 1", "a"), None, "cut");
    }
}
