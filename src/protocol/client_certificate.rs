//! Who a client proved to be in its TLS handshake, as texts that can be compared, logged and put into a field. Reading
//! them from a certificate is left to `net::tls`.

/// The identity in a verified client certificate. All texts are printable ASCII and bounded by `limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject as RFC 4514 writes it, most specific part first: `CN=orders,O=Example`. Empty when the certificate
    /// names its owner by `san` alone.
    pub subject: String,
    /// Subject alternative names in their order: `dns:a.example`, `uri:spiffe://...`, `email:...`, `ip:192.0.2.1`. Other
    /// kinds are left out.
    pub san: Vec<String>,
    /// SHA-256 of the whole certificate (DER), lower-case hexadecimal.
    pub sha256: String,
}
