//! What is wrong with a Binary HTTP message. Which status answers it is decided in `policy`.

/// Why a message is refused: the first fault found counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BhttpFault {
    /// The message ends inside a part of it (RFC 9292 section 3.8).
    Truncated,
    /// The framing indicator is none, or that of the other kind of message (RFC 9292 section 3.3).
    Framing,
    /// A field line goes on behind its section's end, or the section is not made of field lines (section 3.6).
    Section,
    /// Bytes other than zero behind the message (RFC 9292 section 3.8).
    Padding,

    /// The path exceeds its limit.
    PathTooLong,
    /// What comes before the content exceeds its limit in bytes.
    HeadTooLarge,
    /// The header section has more fields than its limit.
    TooManyFields,
    /// The trailer section exceeds its limit in bytes or fields.
    TrailersTooLarge,

    /// The method is no token, too long, or CONNECT, for which this form has no use (RFC 9292 section 6).
    Method,
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// The authority, or the Host field in its place, is no host with an optional port.
    Authority,
    /// Neither an authority nor a Host field.
    AuthorityMissing,
    /// More than one Host field.
    HostRepeated,
    /// The Host field names another authority than the control data.
    HostUnlikeAuthority,
    /// The path does not begin with `/` (nor is the `*` of OPTIONS), or has bytes that no target may have.
    Path,
    /// A status that is no final one, or 101, which this form cannot carry (RFC 9292 section 3.5).
    Status,
    /// More interim responses than [`crate::limits::INTERIM_RESPONSES`].
    TooManyInterim,

    /// A field name that is empty, no token, in upper case, or a pseudo-field's (RFC 9113 section 8.2.1).
    FieldName,
    /// A field value with control characters, or with white space at an end (RFC 9113 section 8.2.1).
    FieldValue,
    /// A field about a connection, its framing or its upgrade (RFC 9113 section 8.2.2), or Expect.
    FieldForbidden,
    /// A field that may not stand in trailers (RFC 9110 section 6.5.1).
    TrailerForbidden,
    /// Content-Length is repeated or not a canonical decimal number.
    LengthInvalid,
    /// Content-Length is not the length of the content.
    LengthUnlikeContent,
}

impl BhttpFault {
    /// Every fault, for tables and metric labels.
    pub const ALL: [Self; 23] = [
        Self::Truncated,
        Self::Framing,
        Self::Section,
        Self::Padding,
        Self::PathTooLong,
        Self::HeadTooLarge,
        Self::TooManyFields,
        Self::TrailersTooLarge,
        Self::Method,
        Self::Scheme,
        Self::Authority,
        Self::AuthorityMissing,
        Self::HostRepeated,
        Self::HostUnlikeAuthority,
        Self::Path,
        Self::Status,
        Self::TooManyInterim,
        Self::FieldName,
        Self::FieldValue,
        Self::FieldForbidden,
        Self::TrailerForbidden,
        Self::LengthInvalid,
        Self::LengthUnlikeContent,
    ];

    /// The stable token of this fault in problem documents, logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Truncated => "message-truncated",
            Self::Framing => "framing-indicator",
            Self::Section => "field-section",
            Self::Padding => "bytes-behind-message",
            Self::PathTooLong => "path-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::TrailersTooLarge => "trailers-too-large",
            Self::Method => "invalid-method",
            Self::Scheme => "invalid-scheme",
            Self::Authority => "invalid-authority",
            Self::AuthorityMissing => "authority-missing",
            Self::HostRepeated => "host-repeated",
            Self::HostUnlikeAuthority => "host-unlike-authority",
            Self::Path => "invalid-path",
            Self::Status => "invalid-status",
            Self::TooManyInterim => "too-many-interim-responses",
            Self::FieldName => "invalid-field-name",
            Self::FieldValue => "invalid-field-value",
            Self::FieldForbidden => "field-forbidden",
            Self::TrailerForbidden => "trailer-forbidden",
            Self::LengthInvalid => "length-invalid",
            Self::LengthUnlikeContent => "length-unlike-content",
        }
    }
}
