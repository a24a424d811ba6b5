//! JSON objects in which no member appears twice: of two readers of one text neither sees what the other does not.
//!
//! Which members there must be, and how long the text may be, is left to the caller.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// An object's members by their names.
#[derive(Debug)]
pub(super) struct Object(BTreeMap<String, Member>);

/// The value of a member, as far as anybody here asks for it.
#[derive(Debug)]
pub(super) enum Member {
    Object(Object),
    Text(String),
    Unsigned(u64),
    /// Anything else: a list, a fraction, a negative number, `true`, `false`, `null`.
    Other,
}

impl Object {
    /// Reads a text that is one object. `None` for anything else, or if a member appears twice at any depth.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        match serde_json::from_slice(text) {
            Ok(Member::Object(object)) => Some(object),
            Ok(Member::Text(_) | Member::Unsigned(_) | Member::Other) | Err(_) => None,
        }
    }

    /// The member of this name.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.0.get(name)
    }

    /// The member of this name, if it is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.member(name)? {
            Member::Text(text) => Some(text),
            Member::Object(_) | Member::Unsigned(_) | Member::Other => None,
        }
    }

    /// The member of this name, if it is a whole number that is not negative.
    pub(super) fn unsigned(&self, name: &str) -> Option<u64> {
        match self.member(name)? {
            Member::Unsigned(number) => Some(*number),
            Member::Object(_) | Member::Text(_) | Member::Other => None,
        }
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
        while access.next_element::<Member>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member, E> {
        Ok(Member::Unsigned(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Other)
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
        check("{\"a\": {}, \"b\": {\"a\": 1}}", true);
        check("[1]", false);
        check("\"text\"", false);
        check("{} {}", false);
        check("{\"a\": \"\\ud800\"}", false);
        check("", false);
        check(&"{\"a\":".repeat(4096), false);
        check(&format!("{}{}", "{\"a\":[".repeat(200), "]}".repeat(200)), false);
    }

    #[test]
    fn members_are_what_they_are() {
        let object = Object::parse(br#"{"t": "x\n", "n": 18446744073709551615, "f": 1.0, "o": {"n": 1}}"#);
        let object = object.expect("an object");
        assert_eq!(object.text("t"), Some("x\n"));
        assert_eq!(object.unsigned("n"), Some(u64::MAX));
        assert_eq!(object.unsigned("f"), None, "a fraction is no count");
        assert_eq!(object.unsigned("t"), None);
        assert_eq!(object.text("n"), None);
        assert!(object.member("none").is_none());
        assert!(matches!(object.member("o"), Some(Member::Object(inner)) if inner.unsigned("n") == Some(1)));
    }
}
