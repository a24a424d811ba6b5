//! What goes wrong in TLS, sorted into a bounded list: the labels of its counters and its words in the access log.

use crate::protocol::tls::Alert;

/// One thing that goes wrong, in the words of both outputs.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The label of its counter.
    pub label: &'static str,
    /// The reason in the access log.
    pub reason: &'static str,
}

macro_rules! handshake_failures {
    ($($(#[$help:meta])* $kind:ident $word:literal,)*) => {
        /// Why a handshake failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum HandshakeFailure {
            $($(#[$help])* $kind,)*
        }

        impl HandshakeFailure {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its words.
            pub const fn words(self) -> Words {
                match self {
                    $(Self::$kind => Words {
                        label: concat!("reason=\"", $word, "\""),
                        reason: concat!("tls-", $word),
                    },)*
                }
            }
        }
    };
}

handshake_failures! {
    /// It took too long.
    TimedOut "timeout",
    /// The peer closed without having sent a byte, as a port check does.
    Silent "silent",
    /// The peer closed amid it.
    Gone "gone",
    /// The peer began with HTTP in the clear.
    PlainHttp "plain-http",
    /// What the peer sent is no handshake, or breaks its rules.
    Malformed "malformed",
    /// The peer speaks no version that we do.
    NoSharedVersion "no-shared-version",
    /// No cipher suite, group or signature scheme in common.
    NoSharedParameters "no-shared-parameters",
    /// No application protocol in common.
    NoSharedProtocol "no-shared-protocol",
    /// A certificate was asked for and none was shown.
    NoCertificate "no-certificate",
    /// The peer's certificate is out of its time.
    CertificateExpired "certificate-expired",
    /// Nobody trusted vouches for the peer's certificate.
    CertificateUnknownIssuer "certificate-unknown-issuer",
    /// The peer's certificate was revoked.
    CertificateRevoked "certificate-revoked",
    /// Anything else about the peer's certificate.
    CertificateUnusable "certificate-unusable",
    /// The peer gave up, and its alert says why.
    PeerAlert "peer-alert",
    /// Anything else.
    Other "other",
}

macro_rules! alerts {
    ($direction:literal: $($alert:ident $name:literal),*) => {
        &[
            $((Some(Alert::$alert), alerts!(@words $direction, $name)),)*
            (None, alerts!(@words $direction, "other")),
        ]
    };
    (@words $direction:literal, $name:literal) => {
        Words {
            label: concat!("direction=\"", $direction, "\",alert=\"", $name, "\""),
            reason: concat!("tls-", $direction, "-", $name),
        }
    };
}

/// Alerts of one direction that are told apart; the last entry is for all others.
pub type Alerts = &'static [(Option<Alert>, Words)];

/// Alerts that clients end a connection with.
pub const RECEIVED: Alerts = alerts!("received":
    UnexpectedMessage "unexpected_message", BadRecordMac "bad_record_mac", HandshakeFailure "handshake_failure",
    BadCertificate "bad_certificate", CertificateExpired "certificate_expired",
    CertificateUnknown "certificate_unknown", UnknownCa "unknown_ca", DecryptError "decrypt_error",
    ProtocolVersion "protocol_version", InternalError "internal_error");

/// Alerts that the record layer ends a connection with.
pub const SENT: Alerts = alerts!("sent":
    UnexpectedMessage "unexpected_message", BadRecordMac "bad_record_mac", RecordOverflow "record_overflow",
    IllegalParameter "illegal_parameter", DecodeError "decode_error", ProtocolVersion "protocol_version",
    InternalError "internal_error", NoRenegotiation "no_renegotiation");

/// The entry of `alert` in `list`.
pub fn entry_of(list: Alerts, alert: Alert) -> usize {
    list.iter().position(|(known, _)| *known == Some(alert)).unwrap_or(list.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tls::RecordFault;

    #[test]
    fn an_alert_is_called_by_its_name() {
        for (list, direction) in [(RECEIVED, "received"), (SENT, "sent")] {
            for (alert, words) in list {
                let name = alert.map_or("other", Alert::name);
                assert_eq!(words.label, format!("direction=\"{direction}\",alert=\"{name}\""));
                assert_eq!(words.reason, format!("tls-{direction}-{name}"));
            }
        }
        assert_eq!(entry_of(RECEIVED, Alert::Unknown(200)), RECEIVED.len() - 1);
        assert_eq!(entry_of(RECEIVED, Alert::UnexpectedMessage), 0);
    }

    #[test]
    fn what_the_record_layer_says_has_an_entry() {
        use RecordFault as Fault;
        for fault in [
            Fault::RecordVersion,
            Fault::RecordTooLarge,
            Fault::BadTag,
            Fault::Renegotiation,
            Fault::AlertMalformed,
            Fault::AlertLevel,
            Fault::KeysWornOut,
            Fault::RecordType,
        ] {
            let alert = fault.alert().unwrap();
            assert!(entry_of(SENT, alert) < SENT.len() - 1, "{alert:?}");
        }
    }
}
