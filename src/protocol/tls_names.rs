//! Which certificate of a listener belongs to a host name: asked for the name a TLS client wants (SNI) and again for the
//! `Host` of every request. Where the names come from is left to `net::tls`.

use crate::limits::HOST_BYTES;

/// The DNS names of a listener's certificates. Immutable; looking up allocates nothing.
///
/// A request is misdirected (421, RFC 9110 section 15.5.20) when its host has an index here and that is not the one of
/// the certificate shown. Which was shown: `index_of(sni).unwrap_or(0)`, and 0 without SNI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// Lower case, sorted; every name once, with the first certificate that carries it.
    exact: Vec<(Box<[u8]>, usize)>,
    /// The same for wildcards, without their `*.`.
    wildcard: Vec<(Box<[u8]>, usize)>,
}

impl CertificateNames {
    /// Takes the DNS names of every certificate, in the order of the certificates. A name that several carry belongs to
    /// the first. A wildcard is a whole first label (`*.example.com`, RFC 9525 section 6.3); other uses of `*`, and names
    /// longer than DNS allows, match nothing.
    pub fn new(certificates: Vec<Vec<String>>) -> Self {
        let mut names = Self::default();
        for (index, name) in
            certificates.into_iter().enumerate().flat_map(|(i, own)| own.into_iter().map(move |n| (i, n)))
        {
            let name = without_root(name.as_bytes()).to_ascii_lowercase();
            let (list, name) = match name.strip_prefix(b"*.") {
                Some(parent) => (&mut names.wildcard, parent),
                None => (&mut names.exact, name.as_slice()),
            };
            if !name.is_empty() && name.len() <= HOST_BYTES && !name.contains(&b'*') {
                list.push((name.into(), index));
            }
        }
        for list in [&mut names.exact, &mut names.wildcard] {
            list.sort_unstable();
            list.dedup_by(|later, kept| later.0 == kept.0);
        }
        names
    }

    /// The certificate that belongs to `host` (a name without port, in any case, with or without the root's dot): one
    /// with exactly this name, else one with a wildcard for it. `None` for every other byte string, and for IP addresses,
    /// which are no DNS names.
    pub fn index_of(&self, host: &[u8]) -> Option<usize> {
        let host = without_root(host);
        let mut lower = [0; HOST_BYTES];
        let lower = lower.get_mut(..host.len())?;
        lower.copy_from_slice(host);
        lower.make_ascii_lowercase();
        find(&self.exact, lower).or_else(|| {
            let dot = memchr::memchr(b'.', lower).filter(|dot| *dot > 0)?;
            find(&self.wildcard, lower.get(dot + 1..)?)
        })
    }

    /// Whether a client can be led to certificate `index` by a name. One that cannot is shown only by default.
    pub fn leads_to(&self, index: usize) -> bool {
        self.exact.iter().chain(&self.wildcard).any(|(_, owner)| *owner == index)
    }
}

/// Without the dot that stands for the root: `a.example.` is the same name as `a.example`.
fn without_root(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

fn find(list: &[(Box<[u8]>, usize)], name: &[u8]) -> Option<usize> {
    let at = list.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok()?;
    list.get(at).map(|(_, index)| *index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> CertificateNames {
        let certificates: [&[&str]; 5] = [
            &["a.example", "*.Wild.example"],
            &["B.Example.", "x.wild.example", "a.example"],
            &["*.example", "*.b.example"],
            &["*", "*.", "", ".", "f*.odd.example", "*.*.odd.example", "a.*.example"],
            &["192.0.2.1"],
        ];
        CertificateNames::new(certificates.map(|own| own.iter().map(|&name| name.into()).collect()).into())
    }

    #[test]
    fn a_host_belongs_to_the_closest_name() {
        let names = names();
        let check =
            |host: &str, index: Option<usize>| assert_eq!(names.index_of(host.as_bytes()), index, "{host}");
        check("a.example", Some(0));
        check("A.EXAMPLE.", Some(0));
        check("b.example", Some(1));
        check("x.wild.example", Some(1));
        check("y.wild.example", Some(0));
        check("Y.WILD.example.", Some(0));
        check("c.example", Some(2));
        check("c.b.example", Some(2));
        check("192.0.2.1", Some(4));
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let names = names();
        let check = |host: &str| assert_eq!(names.index_of(host.as_bytes()), None, "{host:?}");
        check("x.y.wild.example");
        check(".wild.example");
        check("example");
        check(".example");
        check("foo.odd.example");
        check("f.g.odd.example");
        check("a.b.c.example");
    }

    #[test]
    fn what_is_no_host_belongs_to_no_certificate() {
        let names = names();
        let check = |host: &[u8]| assert_eq!(names.index_of(host), None, "{host:?}");
        check(b"");
        check(b".");
        check(b"..");
        check(b"a.example..");
        check(b"*");
        check(b"\xff.other");
        check(&[b'a'; HOST_BYTES + 1]);
        check(&[b'.'; HOST_BYTES]);
        check(&[b'.'; 100_000]);
        assert_eq!(CertificateNames::default().index_of(b"a.example"), None);
    }

    #[test]
    fn a_certificate_whose_names_are_taken_cannot_be_asked_for() {
        let certificates = [vec!["a.example".into()], vec!["A.example".into()], vec![]];
        let names = CertificateNames::new(certificates.into());
        assert_eq!([0, 1, 2].map(|index| names.leads_to(index)), [true, false, false]);
    }
}
