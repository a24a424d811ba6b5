//! The body for PROXY headers: what was read, written again, must be what was there.

use std::net::SocketAddr;

use crate::limits;
use crate::protocol::progress::Progress;
use crate::protocol::proxy_header::{ProxyHeader, parse_proxy_header};

/// A PROXY header. The first byte chooses where the rest is cut.
pub fn proxy_header(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let whole = parse_proxy_header(bytes);
    let cut = bytes.len() * usize::from(cut) / 256;
    match parse_proxy_header(&bytes[..cut]) {
        Ok(Progress::NeedMore { searched }) => assert_eq!(searched, cut),
        decided => assert_eq!(decided, whole, "cut at {cut}"),
    }
    let (value, consumed) = match whole {
        Ok(Progress::Done { value, consumed }) => (value, consumed),
        Ok(Progress::NeedMore { .. }) => {
            assert!(bytes.len() < limits::PROXY_HEADER_BYTES, "too much is held back");
            return;
        }
        Err(_) => return,
    };
    assert!(consumed <= bytes.len() && consumed <= limits::PROXY_HEADER_BYTES);
    let ProxyHeader { source: Some(source), destination: Some(destination) } = value else {
        assert_eq!((value.source, value.destination), (None, None));
        return;
    };
    assert_eq!(source.is_ipv4(), destination.is_ipv4());
    let header = &bytes[..consumed];
    if header.starts_with(b"PROXY ") {
        check_line(header, source, destination);
    } else {
        let addresses = [octets(source), octets(destination)].concat();
        let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
        assert!(header[16..].starts_with(&[addresses, ports].concat()));
    }
}

/// A line of IPv4 has one spelling; of IPv6 the addresses have several.
fn check_line(header: &[u8], source: SocketAddr, destination: SocketAddr) {
    let ports = format!(" {} {}\r\n", source.port(), destination.port());
    let addresses = format!("{} {}", source.ip(), destination.ip());
    if source.is_ipv4() {
        assert_eq!(header, format!("PROXY TCP4 {addresses}{ports}").as_bytes());
        return;
    }
    assert!(header.starts_with(b"PROXY TCP6 ") && header.ends_with(ports.as_bytes()));
    let again = format!("PROXY TCP6 {addresses}{ports}");
    let value = ProxyHeader { source: Some(source), destination: Some(destination) };
    assert_eq!(parse_proxy_header(again.as_bytes()), Ok(Progress::Done { value, consumed: again.len() }));
}

fn octets(address: SocketAddr) -> Vec<u8> {
    match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    }
}
