//! Values with units: durations and sizes, both ways.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
const SIZE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// `30s`: a whole number and one of `us`, `ms`, `s`, `m`, `h`, `d`. The error is the reason.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, "a duration", "30s", &DURATION_UNITS).map(Duration::from_micros)
}

/// `64KiB`: a whole number and one of `B`, `KiB`, `MiB`, `GiB`. The error is the reason.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    parse(text, "a size", "64KiB", &SIZE_UNITS)
}

/// As [`parse_duration`] reads it, in the largest unit that divides it. Nanoseconds are cut off.
pub(super) fn duration_text(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    in_largest_unit(micros, &DURATION_UNITS)
}

/// As [`parse_size`] reads it, in the largest unit that divides it.
pub(super) fn size_text(bytes: u64) -> String {
    in_largest_unit(bytes, &SIZE_UNITS)
}

fn parse(text: &str, what: &str, example: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(format!("{what} is a whole number and a unit ({}), such as \"{example}\"", names()));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let fault =
            if unit.is_empty() { "the unit is missing".to_owned() } else { format!("no unit {unit:?}") };
        return Err(format!("{fault}; write one of {} right after the number", names()));
    };
    let number: Option<u64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(*factor)).ok_or_else(|| "the number is too large".to_owned())
}

fn in_largest_unit(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |factor: u64| number >= factor && number.is_multiple_of(factor);
    let found = units.iter().rev().find(|(_, factor)| fits(*factor)).or(units.first());
    found.map_or_else(|| number.to_string(), |(name, factor)| format!("{}{name}", number / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        let check = |text: &str, expected: Result<u64, &str>| match (parse_duration(text), expected) {
            (Ok(found), Ok(micros)) => assert_eq!(found, Duration::from_micros(micros), "{text}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        };
        check("500us", Ok(500));
        check("30ms", Ok(30_000));
        check("2s", Ok(2_000_000));
        check("5m", Ok(300_000_000));
        check("1h", Ok(3_600_000_000));
        check("7d", Ok(604_800_000_000));
        check("0us", Ok(0));
        check("30", Err("the unit is missing"));
        check("30 s", Err("no unit \" s\""));
        check("30S", Err("no unit \"S\""));
        check("1h30m", Err("no unit \"h30m\""));
        check("1.5s", Err("no unit \".5s\""));
        check("-1s", Err("a duration is a whole number and a unit"));
        check("", Err("a duration is a whole number and a unit"));
        check("99999999999999999999s", Err("too large"));
        check("18446744073709551615d", Err("too large"));
    }

    #[test]
    fn sizes_are_a_whole_number_and_a_binary_unit() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(parse_size(text).ok(), expected, "{text}");
        check("512B", Some(512));
        check("64KiB", Some(64 << 10));
        check("1MiB", Some(1 << 20));
        check("1GiB", Some(1 << 30));
        check("1KB", None);
        check("1kib", None);
        check("1", None);
        check("KiB", None);
        check("17179869184GiB", None);
    }

    #[test]
    fn what_is_written_reads_back() {
        for micros in [0, 1, 999, 1_000, 61_000_000, 7_200_000_000, 86_400_000_000] {
            let duration = Duration::from_micros(micros);
            assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }
        for bytes in [0, 1, 1023, 1024, 122_880, 1 << 30] {
            assert_eq!(parse_size(&size_text(bytes)), Ok(bytes));
        }
    }
}
