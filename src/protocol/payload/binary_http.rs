//! Binary HTTP (RFC 9292): requests and responses as bytes.
