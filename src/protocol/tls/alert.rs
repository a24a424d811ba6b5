//! Alert descriptions: their codes on the wire and their names in logs and metrics.

use super::record_format::alert_level;

/// What an alert says (RFC 8446 section 6; those that only TLS 1.2 and older know, RFC 5246 section 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum Alert {
    CloseNotify,
    UnexpectedMessage,
    BadRecordMac,
    DecryptionFailed,
    RecordOverflow,
    DecompressionFailure,
    HandshakeFailure,
    NoCertificate,
    BadCertificate,
    UnsupportedCertificate,
    CertificateRevoked,
    CertificateExpired,
    CertificateUnknown,
    IllegalParameter,
    UnknownCa,
    AccessDenied,
    DecodeError,
    DecryptError,
    ExportRestriction,
    ProtocolVersion,
    InsufficientSecurity,
    InternalError,
    InappropriateFallback,
    UserCanceled,
    NoRenegotiation,
    MissingExtension,
    UnsupportedExtension,
    CertificateUnobtainable,
    UnrecognizedName,
    BadCertificateStatusResponse,
    BadCertificateHashValue,
    UnknownPskIdentity,
    CertificateRequired,
    NoApplicationProtocol,
    /// A code without a name above.
    Unknown(u8),
}

impl Alert {
    /// Every alert that has a name, with its code and that name.
    pub const NAMED: [(Self, u8, &'static str); 34] = [
        (Self::CloseNotify, 0, "close_notify"),
        (Self::UnexpectedMessage, 10, "unexpected_message"),
        (Self::BadRecordMac, 20, "bad_record_mac"),
        (Self::DecryptionFailed, 21, "decryption_failed"),
        (Self::RecordOverflow, 22, "record_overflow"),
        (Self::DecompressionFailure, 30, "decompression_failure"),
        (Self::HandshakeFailure, 40, "handshake_failure"),
        (Self::NoCertificate, 41, "no_certificate"),
        (Self::BadCertificate, 42, "bad_certificate"),
        (Self::UnsupportedCertificate, 43, "unsupported_certificate"),
        (Self::CertificateRevoked, 44, "certificate_revoked"),
        (Self::CertificateExpired, 45, "certificate_expired"),
        (Self::CertificateUnknown, 46, "certificate_unknown"),
        (Self::IllegalParameter, 47, "illegal_parameter"),
        (Self::UnknownCa, 48, "unknown_ca"),
        (Self::AccessDenied, 49, "access_denied"),
        (Self::DecodeError, 50, "decode_error"),
        (Self::DecryptError, 51, "decrypt_error"),
        (Self::ExportRestriction, 60, "export_restriction"),
        (Self::ProtocolVersion, 70, "protocol_version"),
        (Self::InsufficientSecurity, 71, "insufficient_security"),
        (Self::InternalError, 80, "internal_error"),
        (Self::InappropriateFallback, 86, "inappropriate_fallback"),
        (Self::UserCanceled, 90, "user_canceled"),
        (Self::NoRenegotiation, 100, "no_renegotiation"),
        (Self::MissingExtension, 109, "missing_extension"),
        (Self::UnsupportedExtension, 110, "unsupported_extension"),
        (Self::CertificateUnobtainable, 111, "certificate_unobtainable"),
        (Self::UnrecognizedName, 112, "unrecognized_name"),
        (Self::BadCertificateStatusResponse, 113, "bad_certificate_status_response"),
        (Self::BadCertificateHashValue, 114, "bad_certificate_hash_value"),
        (Self::UnknownPskIdentity, 115, "unknown_psk_identity"),
        (Self::CertificateRequired, 116, "certificate_required"),
        (Self::NoApplicationProtocol, 120, "no_application_protocol"),
    ];

    /// The alert with this code.
    pub fn from_code(code: u8) -> Self {
        let named = Self::NAMED.iter().find(|(_, known, _)| *known == code);
        named.map_or(Self::Unknown(code), |(alert, _, _)| *alert)
    }

    /// Its code on the wire.
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown(code) => code,
            named => named.entry().map_or(0, |(_, code, _)| *code),
        }
    }

    /// Its stable name in logs and metrics; `unknown` for one without.
    pub fn name(self) -> &'static str {
        self.entry().map_or("unknown", |(_, _, name)| name)
    }

    /// The level it is sent with (RFC 8446 section 6, RFC 5246 sections 7.2.1 and 7.2.2).
    pub(super) fn level(self) -> u8 {
        match self {
            Self::CloseNotify | Self::UserCanceled | Self::NoRenegotiation => alert_level::WARNING,
            _ => alert_level::FATAL,
        }
    }

    fn entry(self) -> Option<&'static (Self, u8, &'static str)> {
        Self::NAMED.iter().find(|(alert, _, _)| *alert == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_kept() {
        for code in 0..=255 {
            let alert = Alert::from_code(code);
            assert_eq!(alert.code(), code, "{alert:?}");
            let is_named = Alert::NAMED.iter().any(|(_, known, _)| *known == code);
            assert_eq!(alert == Alert::Unknown(code), !is_named, "{code}");
            assert_eq!(alert.name() == "unknown", !is_named, "{code}");
        }
    }

    #[test]
    fn only_what_ends_nothing_by_force_is_a_warning() {
        for code in 0..=255 {
            let alert = Alert::from_code(code);
            let is_warning = matches!(code, 0 | 90 | 100);
            let level = if is_warning { alert_level::WARNING } else { alert_level::FATAL };
            assert_eq!(alert.level(), level, "{alert:?}");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = Alert::NAMED.iter().map(|(_, _, name)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Alert::NAMED.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
