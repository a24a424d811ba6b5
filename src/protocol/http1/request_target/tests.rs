use super::*;

fn check(authority: &str, expected: Option<(usize, Option<u16>)>) {
    assert_eq!(parse_authority(authority.as_bytes()), expected, "{authority:?}");
}

#[test]
fn hosts_are_names_and_addresses() {
    for host in [
        "a",
        "example.com",
        "Example.COM.",
        "a-b_c~d.e",
        "xn--bcher-kva.example",
        "1.2.3.4",
        "1.example",
        "a1",
        "0xgg",
        "[::1]",
        "[2001:db8::192.0.2.1]",
    ] {
        check(host, Some((host.len(), None)));
        check(&format!("{host}:8080"), Some((host.len(), Some(8080))));
        check(&format!("{host}:1"), Some((host.len(), Some(1))));
        check(&format!("{host}:65535"), Some((host.len(), Some(65535))));
    }
}

#[test]
fn anything_else_is_no_host() {
    for host in [
        "",
        ".",
        "..",
        ".a",
        "a..b",
        "a b",
        " a",
        "a ",
        "a,b",
        "a%41",
        "a;b",
        "user@a",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a\"b",
        "a\0b",
        "bücher.example",
        "a!b",
        "a$b",
        "a&b",
        "a'b",
        "a(b",
        "a*b",
        "a+b",
        "a=b",
        "*",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4.",
        "127",
        "0x7f.1",
        "0x7f000001",
        "a.0x",
        "0X1",
        "a.1",
        "[",
        "[]",
        "[::1",
        "::1",
        "[::1]a",
        "[1.2.3.4]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[v1.a]",
        "[::1]]",
        "[[::1]]",
        "a[::1]",
        "a]",
    ] {
        check(host, None);
        check(&format!("{host}:80"), None);
    }
}

#[test]
fn ports_are_canonical() {
    for port in ["", "0", "080", "65536", "99999", "+80", "-1", " 80", "80 ", "80:80", "8o", "0x50", "http"] {
        check(&format!("a:{port}"), None);
        check(&format!("[::1]:{port}"), None);
    }
    check(":80", None);
}

#[test]
fn names_are_as_long_as_dns_allows() {
    let label = "a".repeat(limits::HOST_BYTES);
    check(&label, Some((limits::HOST_BYTES, None)));
    check(&format!("{label}a"), None);
}
