//! Reads the vectors in `tests/fixtures/payload`, whose byte strings are hexadecimal. For tests alone.

use serde_json::Value;

/// The file of this name.
pub(super) fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/payload/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A member that is a list.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no list"))
}

/// A member that is a number.
pub(super) fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} is no number"))
}

/// A member that is a byte string.
pub(super) fn bytes(value: &Value, name: &str) -> Vec<u8> {
    unhex(&value[name])
}

/// A member that is a byte string of `N` bytes.
pub(super) fn array<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    bytes(value, name).try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("{name} has {} bytes", bytes.len()))
}

/// A byte string.
pub(super) fn unhex(value: &Value) -> Vec<u8> {
    let hex = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    let byte = |index| u8::from_str_radix(&hex[index..index + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}
