//! Single messages (RFC 9458 and its chunked form).
