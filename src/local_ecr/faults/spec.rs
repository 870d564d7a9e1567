//! What each fault does, with its settings.

use std::collections::HashSet;

use super::kind::{FaultKind, Stage};
use super::throttle::ThrottleForm;

/// What a fault does, with its settings.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "`FaultKind` describes the variants and their fields")]
pub enum FaultSpec {
    Latency {
        ms: f64,
        jitter_ms: f64,
    },
    /// `None` is the form of the server.
    Throttle {
        form: Option<ThrottleForm>,
    },
    ServerError,
    ServiceUnavailable,
    ErrorPage {
        status: u16,
    },
    AccessDenied,
    ExpiredToken,
    /// Zero is no limit.
    ExpiredKey {
        uses: u64,
        ms: f64,
    },
    RepositoryDeleted,
    Error {
        code: String,
        status: u16,
        message: String,
    },
    Disconnect,
    Reset,
    Garbage,
    Html,
    Empty,
    WrongTypes,
    TokenExpired,
    Poison {
        digests: HashSet<String>,
    },
    Shuffle,
    Omit {
        share: f64,
    },
    Repeat {
        share: f64,
    },
    Contradict {
        share: f64,
    },
    Foreign {
        share: f64,
    },
    UpperCase {
        share: f64,
    },
    UnknownAvailability {
        share: f64,
        word: String,
    },
    UnknownFailure {
        share: f64,
        word: String,
    },
    PageRepeat {
        share: f64,
    },
    PageNull {
        share: f64,
    },
    TokenLoop,
    TokenEndless,
    TagRepeat,
    ImageDeleted {
        share: f64,
    },
    FailureCode {
        share: f64,
        code: String,
    },
    FailureWithoutDigest,
    WrongManifest {
        share: f64,
    },
    Converted {
        share: f64,
    },
    /// Bytes for each image, as far as the whole answer has room.
    BigAnswer {
        bytes: u64,
    },
    Truncate,
    Cut,
    CutHead,
    ResetHead,
    ResetBody,
    Unfinished,
    Slow {
        bytes_per_ms: u32,
    },
    SlowHead {
        bytes_per_ms: u32,
    },
    Padding {
        bytes: u64,
    },
    Endless,
    Twice {
        ms: f64,
    },
    Informational {
        status: u16,
    },
    Chunked,
    Http10,
    Close,
    IdleClose {
        ms: f64,
    },
}

impl FaultSpec {
    /// The kind of the fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Latency { .. } => FaultKind::Latency,
            Self::Throttle { .. } => FaultKind::Throttle,
            Self::ServerError => FaultKind::ServerError,
            Self::ServiceUnavailable => FaultKind::ServiceUnavailable,
            Self::ErrorPage { .. } => FaultKind::ErrorPage,
            Self::AccessDenied => FaultKind::AccessDenied,
            Self::ExpiredToken => FaultKind::ExpiredToken,
            Self::ExpiredKey { .. } => FaultKind::ExpiredKey,
            Self::RepositoryDeleted => FaultKind::RepositoryDeleted,
            Self::Error { .. } => FaultKind::Error,
            Self::Disconnect => FaultKind::Disconnect,
            Self::Reset => FaultKind::Reset,
            Self::Garbage => FaultKind::Garbage,
            Self::Html => FaultKind::Html,
            Self::Empty => FaultKind::Empty,
            Self::WrongTypes => FaultKind::WrongTypes,
            Self::TokenExpired => FaultKind::TokenExpired,
            Self::Poison { .. } => FaultKind::Poison,
            Self::Shuffle => FaultKind::Shuffle,
            Self::Omit { .. } => FaultKind::Omit,
            Self::Repeat { .. } => FaultKind::Repeat,
            Self::Contradict { .. } => FaultKind::Contradict,
            Self::Foreign { .. } => FaultKind::Foreign,
            Self::UpperCase { .. } => FaultKind::UpperCase,
            Self::UnknownAvailability { .. } => FaultKind::UnknownAvailability,
            Self::UnknownFailure { .. } => FaultKind::UnknownFailure,
            Self::PageRepeat { .. } => FaultKind::PageRepeat,
            Self::PageNull { .. } => FaultKind::PageNull,
            Self::TokenLoop => FaultKind::TokenLoop,
            Self::TokenEndless => FaultKind::TokenEndless,
            Self::TagRepeat => FaultKind::TagRepeat,
            Self::ImageDeleted { .. } => FaultKind::ImageDeleted,
            Self::FailureCode { .. } => FaultKind::FailureCode,
            Self::FailureWithoutDigest => FaultKind::FailureWithoutDigest,
            Self::WrongManifest { .. } => FaultKind::WrongManifest,
            Self::Converted { .. } => FaultKind::Converted,
            Self::BigAnswer { .. } => FaultKind::BigAnswer,
            Self::Truncate => FaultKind::Truncate,
            Self::Cut => FaultKind::Cut,
            Self::CutHead => FaultKind::CutHead,
            Self::ResetHead => FaultKind::ResetHead,
            Self::ResetBody => FaultKind::ResetBody,
            Self::Unfinished => FaultKind::Unfinished,
            Self::Slow { .. } => FaultKind::Slow,
            Self::SlowHead { .. } => FaultKind::SlowHead,
            Self::Padding { .. } => FaultKind::Padding,
            Self::Endless => FaultKind::Endless,
            Self::Twice { .. } => FaultKind::Twice,
            Self::Informational { .. } => FaultKind::Informational,
            Self::Chunked => FaultKind::Chunked,
            Self::Http10 => FaultKind::Http10,
            Self::Close => FaultKind::Close,
            Self::IdleClose { .. } => FaultKind::IdleClose,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.kind().stage()
    }

    pub(super) fn share(&self) -> Option<f64> {
        match self {
            Self::Omit { share }
            | Self::Repeat { share }
            | Self::Contradict { share }
            | Self::Foreign { share }
            | Self::UpperCase { share }
            | Self::PageRepeat { share }
            | Self::PageNull { share }
            | Self::ImageDeleted { share }
            | Self::FailureCode { share, .. }
            | Self::WrongManifest { share }
            | Self::Converted { share }
            | Self::UnknownAvailability { share, .. }
            | Self::UnknownFailure { share, .. } => Some(*share),
            _ => None,
        }
    }
}
