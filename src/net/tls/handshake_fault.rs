//! Why there is no TLS connection, and which of the kinds that are counted it is.

use rustls::{CertificateError, Error, PeerIncompatible};

use crate::protocol::tls::Alert;
use crate::telemetry::tls_failures::HandshakeFailure;

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeFault {
    /// It took too long.
    #[error("the handshake took too long")]
    TimedOut,
    /// The peer went away before it had sent a byte.
    #[error("the peer closed without having sent a byte")]
    Silent,
    /// The peer went away before the end.
    #[error("the peer closed during the handshake")]
    Gone,
    /// The client's certificate is verified and tells no identity.
    #[error("a client certificate that is out of its time or too large")]
    Unidentified,
    /// One end did not agree, and why.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl HandshakeFault {
    /// The alert that the peer gave up with.
    pub fn peer_alert(&self) -> Option<Alert> {
        match self {
            Self::Failed(Error::AlertReceived(alert)) => Some(Alert::from_code(u8::from(*alert))),
            _ => None,
        }
    }

    /// Which kind it is.
    pub fn failure(&self) -> HandshakeFailure {
        match self {
            Self::TimedOut => HandshakeFailure::TimedOut,
            Self::Silent => HandshakeFailure::Silent,
            Self::Gone => HandshakeFailure::Gone,
            Self::Unidentified => HandshakeFailure::CertificateUnusable,
            Self::Failed(error) => failure(error),
        }
    }
}

fn failure(error: &Error) -> HandshakeFailure {
    match error {
        Error::AlertReceived(_) => HandshakeFailure::PeerAlert,
        Error::NoApplicationProtocol => HandshakeFailure::NoSharedProtocol,
        Error::NoCertificatesPresented => HandshakeFailure::NoCertificate,
        Error::InvalidCertificate(error) => certificate_failure(error),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => HandshakeFailure::NoSharedVersion,
        Error::PeerIncompatible(_) => HandshakeFailure::NoSharedParameters,
        Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::InvalidMessage(_)
        | Error::DecryptError
        | Error::HandshakeNotComplete
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord => HandshakeFailure::Malformed,
        _ => HandshakeFailure::Other,
    }
}

fn certificate_failure(error: &CertificateError) -> HandshakeFailure {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            HandshakeFailure::CertificateExpired
        }
        CertificateError::UnknownIssuer => HandshakeFailure::CertificateUnknownIssuer,
        CertificateError::Revoked => HandshakeFailure::CertificateRevoked,
        _ => HandshakeFailure::CertificateUnusable,
    }
}
