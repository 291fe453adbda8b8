//! The log as the services see it.

use std::future::Future;

use super::durable::Durable;
use super::entry::Entry;
use crate::domain::id::EventId;
use crate::domain::opt_out::{OptOutView, Subject};

/// What became of an entry that the log took.
#[derive(Debug, PartialEq, Eq)]
pub enum Appended {
    Stored(Durable),
    /// The log has this event already, under this id, at least as safe as this entry's class asks for.
    Duplicate(EventId),
    /// Its subject had opted out by the time the writer came to it. Nothing was stored.
    OptedOut,
}

/// Why the log did not take an entry. After an error the entry may be there anyway; a repetition of it is a
/// duplicate then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the log has more waiting than it may; try again")]
    Overloaded,
    #[error("the disk takes nothing now; try again later")]
    Unavailable,
}

/// A handle on the log; cheap to clone.
#[derive(Clone)]
pub struct Appender {}

impl Appender {
    /// Returns once `entry` is as safe as its kind's class promises.
    pub fn append(&self, _entry: Entry) -> impl Future<Output = Result<Appended, AppendError>> + Send {
        async { Err(AppendError::Unavailable) }
    }
}

impl OptOutView for Appender {
    fn is_opted_out(&self, _subject: Subject) -> bool {
        false
    }
}
