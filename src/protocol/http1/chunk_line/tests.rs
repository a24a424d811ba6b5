use super::*;

fn done(size: u64, is_canonical: bool, consumed: usize) -> Result<Progress<ChunkSize>, Rejection> {
    Ok(Progress::Done { value: ChunkSize { size, is_canonical }, consumed })
}

#[test]
fn sizes_are_hexadecimal() {
    for (line, size, is_canonical) in [
        ("0", 0, true),
        ("1", 1, true),
        ("9", 9, true),
        ("a", 10, true),
        ("F", 15, true),
        ("10", 16, true),
        ("AbCdEf", 0xabcdef, true),
        ("fffffffffffffff", 0xfff_ffff_ffff_ffff, true),
        ("00", 0, false),
        ("01", 1, false),
        ("00000000000000a", 10, false),
    ] {
        assert_eq!(
            parse_chunk_line(format!("{line}\r\nx\n").as_bytes(), 0),
            done(size, is_canonical, line.len() + 2)
        );
    }
}

#[test]
fn extensions_are_read_over() {
    for extensions in [
        ";a",
        ";a=b",
        ";a=\"b\"",
        ";a=\"\"",
        ";a;b;c",
        " ; a = b ;\tc\t=\t\"d\"",
        ";a=\"x;y\\\"z\\\\ \t\u{fc}\"",
        "\t;a",
        ";!#$%&'*+-.^_`|~09azAZ=1",
    ] {
        let line = format!("5{extensions}\r\n");
        assert_eq!(parse_chunk_line(line.as_bytes(), 0), done(5, false, line.len()), "{line:?}");
    }
}

#[test]
fn bad_lines_are_refused() {
    use Rejection::{
        BareCr, BareLf, ChunkExtensionInvalid as Extension, ChunkSizeInvalid as Size,
        ChunkSizeOverflow as Overflow,
    };
    for (line, fault) in [
        ("\r\n", Size),
        (" 5\r\n", Size),
        ("5 \r\n", Size),
        ("5\t\r\n", Size),
        ("5g\r\n", Size),
        ("g\r\n", Size),
        ("-5\r\n", Size),
        ("+5\r\n", Size),
        ("0x5\r\n", Size),
        ("5,5\r\n", Size),
        ("5_0\r\n", Size),
        ("5\0\r\n", Size),
        (";a\r\n", Size),
        ("/\r\n", Size),
        (":\r\n", Size),
        ("@\r\n", Size),
        ("G\r\n", Size),
        ("`\r\n", Size),
        ("1000000000000000\r\n", Overflow),
        ("ffffffffffffffff\r\n", Overflow),
        ("0000000000000005\r\n", Overflow),
        ("10000000000000000\r\n", Overflow),
        ("5\n", BareLf),
        ("\n", BareLf),
        ("5;a\n\r\n", BareLf),
        ("5;a=\"\n\"\r\n", BareLf),
        ("5\r\r\n", BareCr),
        ("\r5\r\n", BareCr),
        ("5;a\rb\r\n", BareCr),
        ("5;\r\n", Extension),
        ("5;;a\r\n", Extension),
        ("5;a;\r\n", Extension),
        ("5; \r\n", Extension),
        ("5;a=\r\n", Extension),
        ("5;=b\r\n", Extension),
        ("5;a=b=c\r\n", Extension),
        ("5;a b\r\n", Extension),
        ("5;a \r\n", Extension),
        ("5;a=\"b\r\n", Extension),
        ("5;a=\"b\\\r\n", Extension),
        ("5;a=\"b\\\x01\"\r\n", Extension),
        ("5;a=\"\x7f\"\r\n", Extension),
        ("5;a=\"b\"c\r\n", Extension),
        ("5;a\0\r\n", Extension),
        ("5;a=\u{fc}\r\n", Extension),
    ] {
        assert_eq!(parse_chunk_line(line.as_bytes(), 0), Err(fault), "{line:?}");
    }
}

#[test]
fn long_lines_are_refused_before_they_end() {
    let line = format!("5;{}\r\n", "a".repeat(limits::CHUNK_LINE_BYTES - 4));
    assert_eq!(line.len(), limits::CHUNK_LINE_BYTES);
    assert_eq!(parse_chunk_line(line.as_bytes(), 0), done(5, false, line.len()));

    let longer = format!("5;{}\r\n", "a".repeat(limits::CHUNK_LINE_BYTES - 3));
    for end in 0..longer.len() {
        let expected = if end < limits::CHUNK_LINE_BYTES {
            Ok(Progress::NeedMore { searched: end })
        } else {
            Err(Rejection::ChunkLineTooLong)
        };
        assert_eq!(parse_chunk_line(&longer.as_bytes()[..end], end.saturating_sub(1)), expected);
    }
    assert_eq!(parse_chunk_line(longer.as_bytes(), 0), Err(Rejection::ChunkLineTooLong));
}
