//! Status and times of an image.

use std::time::{SystemTime, UNIX_EPOCH};

/// The status of an image: botocore shape `ImageStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageStatus {
    /// It can be pulled.
    #[default]
    Active,
    /// It is kept, but cannot be pulled.
    Archived,
    /// It is being restored.
    Activating,
}

impl ImageStatus {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Activating => "ACTIVATING",
        }
    }

    /// The status for a word on the wire.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Archived, Self::Activating].into_iter().find(|status| status.word() == word)
    }
}

/// Status and times of an image, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Life {
    pub(crate) status: ImageStatus,
    pub(crate) pushed_at: f64,
    pub(crate) pulled_at: Option<f64>,
    pub(crate) archived_at: Option<f64>,
    pub(crate) activated_at: Option<f64>,
}

impl Life {
    pub(crate) fn pushed(now: f64) -> Self {
        Self { pushed_at: now, ..Self::default() }
    }

    pub(crate) fn set(&mut self, status: ImageStatus, now: f64) {
        match status {
            ImageStatus::Active => self.activate(now),
            ImageStatus::Archived => {
                self.status = status;
                self.archived_at = Some(now);
            }
            ImageStatus::Activating => self.status = status,
        }
    }

    /// Makes it active again, if it was archived.
    pub(crate) fn activate(&mut self, now: f64) {
        if self.status != ImageStatus::Active {
            self.status = ImageStatus::Active;
            self.activated_at = Some(now);
        }
    }
}

/// Seconds since 1970, in milliseconds as the service sends them.
pub(crate) fn now() -> f64 {
    // Before 1970 the answer is 1970.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1e3
}
