//! The one error that crosses the daemon's rooms: a kind that callers can act on, and a message
//! that says what to do next. The D-Bus names are in `bus::error`.

use hob_engine::EngineError;
use hob_index::IndexError;
use hob_link::supervisor::LinkError;

/// What went wrong, as a caller may branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller's arguments are wrong.
    InvalidArgument,
    /// What was named does not exist.
    NotFound,
    /// Too much is under way.
    Busy,
    /// The caller keeps as much as it may.
    QuotaExceeded,
    /// It would not fit the memory budget.
    OutOfBudget,
    /// No model that could do it.
    NoModel,
    /// The prompt does not fit the model.
    TooLong,
    /// The caller, or its leaving, ended it.
    Cancelled,
    /// A skill failed or gave nonsense.
    SkillFailed,
    /// The user has not allowed it.
    PermissionDenied,
    /// A confirmation is lacking, or was refused.
    Confirmation,
    /// It took longer than allowed.
    Timeout,
    /// It would have had to leave the device, which is not set up.
    Remote,
    /// Our fault or the machine's.
    Internal,
}

impl Kind {
    /// As skills and scripts read it.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::QuotaExceeded => "quota_exceeded",
            Self::OutOfBudget => "out_of_budget",
            Self::NoModel => "no_model",
            Self::TooLong => "too_long",
            Self::Cancelled => "cancelled",
            Self::SkillFailed => "skill_failed",
            Self::PermissionDenied => "permission_denied",
            Self::Confirmation => "confirmation",
            Self::Timeout => "timeout",
            Self::Remote => "remote",
            Self::Internal => "internal",
        }
    }
}

/// A failure with its kind and a sentence for the caller.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct HobError {
    /// What callers branch on.
    pub kind: Kind,
    /// One or two sentences: what happened and what to do.
    pub message: String,
    /// Of a prompt that does not fit its model: by how much.
    pub overflow: Option<Overflow>,
}

/// A prompt and the model that it does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow {
    /// Tokens of the prompt.
    pub tokens: u32,
    /// Tokens that the model's context holds, answer included.
    pub limit: u32,
}

impl HobError {
    /// An error of `kind`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), overflow: None }
    }

    /// The caller's arguments are wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    /// What was named does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// Our fault or the machine's.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The request was cancelled.
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "the request was cancelled")
    }
}

impl From<LinkError> for HobError {
    fn from(error: LinkError) -> Self {
        let kind = match error {
            LinkError::Quarantined { .. } | LinkError::Stalled => Kind::Busy,
            LinkError::OutOfMemory { .. } => Kind::OutOfBudget,
            LinkError::Spawn { .. } | LinkError::Hello { .. } | LinkError::Died { .. } => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<EngineError> for HobError {
    fn from(error: EngineError) -> Self {
        let overflow = match error {
            EngineError::TooLong { tokens, limit } => Some(Overflow { tokens, limit }),
            _ => None,
        };
        let kind = match error {
            EngineError::BadModel { .. } | EngineError::InvalidArgument(_) => Kind::InvalidArgument,
            EngineError::TooLong { .. } => Kind::TooLong,
            EngineError::Busy(_) => Kind::Busy,
            EngineError::Inference(_) => Kind::Internal,
        };
        Self { overflow, ..Self::new(kind, error.to_string()) }
    }
}

impl From<IndexError> for HobError {
    fn from(error: IndexError) -> Self {
        let kind = match error {
            IndexError::InvalidArgument(_) => Kind::InvalidArgument,
            IndexError::NotFound(_) => Kind::NotFound,
            IndexError::Quota(_) => Kind::QuotaExceeded,
            IndexError::Storage { .. } | IndexError::Embedder(_) => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
