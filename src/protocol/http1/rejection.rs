//! What a peer did wrong. Which status answers it is decided in `policy`.

/// Why a message is refused: one variant per fault, the first fault found counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    // --- Size ---------------------------------------------------------------------------------------------
    /// The request line exceeds its limit (RFC 9112 section 3).
    RequestLineTooLong,
    /// The head exceeds its limit in bytes (RFC 9110 section 5.4).
    HeadTooLarge,
    /// The head has more fields than its limit (RFC 9110 section 5.4).
    TooManyFields,
    /// The trailer section exceeds its limit in bytes or fields (RFC 9110 section 6.5).
    TrailersTooLarge,

    // --- Line structure -----------------------------------------------------------------------------------
    /// CR without LF (RFC 9112 section 2.2).
    BareCr,
    /// LF without CR: allowed to be accepted by RFC 9112 section 2.2, refused here because hops differ.
    BareLf,
    /// A NUL byte (RFC 9110 section 5.5).
    Nul,
    /// A field line that continues the line before, or white space before the first (RFC 9112 sections 5.2, 2.2).
    ObsFold,
    /// White space between field name and colon (RFC 9112 section 5.1).
    SpaceBeforeColon,
    /// A field line without a colon, or a name that is empty or not a token (RFC 9110 section 5.1).
    InvalidFieldName,
    /// A field value with control characters, or not what its field allows (RFC 9110 section 5.5).
    InvalidFieldValue,

    // --- Start line ---------------------------------------------------------------------------------------
    /// The method is empty, too long, or not a token; or there is no request line (RFC 9110 section 9.1).
    InvalidMethod,
    /// Not `HTTP/1.0` or `HTTP/1.1`, or not where a version belongs (RFC 9112 section 2.3).
    InvalidVersion,
    /// A target with forbidden characters, or of a form its method does not allow (RFC 9112 section 3.2).
    InvalidTarget,
    /// A status that is not three digits in 100 to 599, or a bad reason phrase (RFC 9112 section 4).
    InvalidStatus,

    // --- Routing ------------------------------------------------------------------------------------------
    /// HTTP/1.1 without `Host` (RFC 9112 section 3.2).
    HostMissing,
    /// More than one `Host` (RFC 9112 section 3.2).
    HostRepeated,
    /// `Host` is not a host with an optional port (RFC 9112 section 3.2, RFC 3986 section 3.2.2).
    HostInvalid,
    /// `Host` names another authority than the target: RFC 9112 section 3.2.2 lets the target win, but the next hop
    /// may disagree.
    HostUnlikeTarget,

    // --- Framing ------------------------------------------------------------------------------------------
    /// `Content-Length` together with `Transfer-Encoding` (RFC 9112 section 6.3).
    BothLengths,
    /// `Content-Length` twice or as a list, equal or not (RFC 9110 section 8.6).
    LengthRepeated,
    /// `Content-Length` is not a canonical decimal number below 2^64 (RFC 9110 section 8.6).
    LengthInvalid,
    /// A transfer coding other than a single `chunked`, or any in HTTP/1.0 (RFC 9112 section 6.1).
    TransferCodingUnsupported,
    /// A chunk line that does not begin with a hexadecimal size (RFC 9112 section 7.1).
    ChunkSizeInvalid,
    /// A chunk size with more digits than are read (RFC 9112 section 7.1).
    ChunkSizeOverflow,
    /// A chunk extension that breaks the grammar (RFC 9112 section 7.1.1).
    ChunkExtensionInvalid,
    /// More bytes of chunk extensions in one message than are put up with (RFC 9112 section 7.1.1).
    ChunkExtensionsTooLarge,
    /// Chunk data is not followed by CRLF (RFC 9112 section 7.1).
    ChunkEndInvalid,
    /// A chunk line exceeds its limit (RFC 9112 section 7.1.1).
    ChunkLineTooLong,
    /// A field that may not stand in trailers: framing, routing, authentication, hop-by-hop (RFC 9110 section 6.5.1).
    TrailerForbidden,
    /// A trailer line that is no field line (RFC 9112 section 7.1.2).
    TrailerInvalid,
}

impl Rejection {
    /// Every rejection, for tables and metric labels.
    pub const ALL: [Self; 31] = [
        Self::RequestLineTooLong,
        Self::HeadTooLarge,
        Self::TooManyFields,
        Self::TrailersTooLarge,
        Self::BareCr,
        Self::BareLf,
        Self::Nul,
        Self::ObsFold,
        Self::SpaceBeforeColon,
        Self::InvalidFieldName,
        Self::InvalidFieldValue,
        Self::InvalidMethod,
        Self::InvalidVersion,
        Self::InvalidTarget,
        Self::InvalidStatus,
        Self::HostMissing,
        Self::HostRepeated,
        Self::HostInvalid,
        Self::HostUnlikeTarget,
        Self::BothLengths,
        Self::LengthRepeated,
        Self::LengthInvalid,
        Self::TransferCodingUnsupported,
        Self::ChunkSizeInvalid,
        Self::ChunkSizeOverflow,
        Self::ChunkExtensionInvalid,
        Self::ChunkExtensionsTooLarge,
        Self::ChunkEndInvalid,
        Self::ChunkLineTooLong,
        Self::TrailerForbidden,
        Self::TrailerInvalid,
    ];

    /// The stable token of this fault in problem documents, logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::RequestLineTooLong => "request-line-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::TrailersTooLarge => "trailers-too-large",
            Self::BareCr => "bare-cr",
            Self::BareLf => "bare-lf",
            Self::Nul => "nul",
            Self::ObsFold => "obs-fold",
            Self::SpaceBeforeColon => "space-before-colon",
            Self::InvalidFieldName => "invalid-field-name",
            Self::InvalidFieldValue => "invalid-field-value",
            Self::InvalidMethod => "invalid-method",
            Self::InvalidVersion => "invalid-version",
            Self::InvalidTarget => "invalid-target",
            Self::InvalidStatus => "invalid-status",
            Self::HostMissing => "host-missing",
            Self::HostRepeated => "host-repeated",
            Self::HostInvalid => "host-invalid",
            Self::HostUnlikeTarget => "host-unlike-target",
            Self::BothLengths => "both-lengths",
            Self::LengthRepeated => "length-repeated",
            Self::LengthInvalid => "length-invalid",
            Self::TransferCodingUnsupported => "transfer-coding-unsupported",
            Self::ChunkSizeInvalid => "chunk-size-invalid",
            Self::ChunkSizeOverflow => "chunk-size-overflow",
            Self::ChunkExtensionInvalid => "chunk-extension-invalid",
            Self::ChunkExtensionsTooLarge => "chunk-extensions-too-large",
            Self::ChunkEndInvalid => "chunk-end-invalid",
            Self::ChunkLineTooLong => "chunk-line-too-long",
            Self::TrailerForbidden => "trailer-forbidden",
            Self::TrailerInvalid => "trailer-invalid",
        }
    }
}
