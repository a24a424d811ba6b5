//! The algorithms that sign tokens (RFC 7518 section 3, RFC 8037): asymmetric ones alone, so that no public key can ever
//! be taken for a shared secret.

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA, P-256, SHA-256.
    Es256,
    /// ECDSA, P-384, SHA-384.
    Es384,
    /// RSASSA-PSS, SHA-256.
    Ps256,
    /// RSASSA-PSS, SHA-384.
    Ps384,
    /// RSASSA-PSS, SHA-512.
    Ps512,
    /// RSASSA-PKCS1-v1_5, SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5, SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5, SHA-512.
    Rs512,
}

impl Algorithm {
    /// Every one of them.
    pub const ALL: [Self; 9] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// Its name in a JWS.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The one of this name, letter for letter. `Ed25519` (RFC 9864) is the only `EdDSA` that there is here.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            name => Self::ALL.into_iter().find(|algorithm| algorithm.name() == name),
        }
    }

    /// True for those that FAPI 2.0 (section 5.4) leaves.
    pub fn is_fapi(self) -> bool {
        matches!(self, Self::EdDsa | Self::Es256 | Self::Ps256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::of_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::of_name("Ed25519"), Some(Algorithm::EdDsa));
        for name in [
            "none", "None", "NONE", "", "HS256", "HS384", "HS512", "rs256", "RS256 ", "ES512", "ES256K",
            "Ed448",
        ] {
            assert_eq!(Algorithm::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn fapi_leaves_three() {
        let left: Vec<_> = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_fapi()).collect();
        assert_eq!(left, [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256]);
    }
}
