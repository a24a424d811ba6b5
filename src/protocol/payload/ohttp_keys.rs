//! The list of HPKE keys (RFC 9458 section 3).
