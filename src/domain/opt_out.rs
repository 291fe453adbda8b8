//! A person's request to be left alone, and its withdrawal.

use super::id::BrowserId;
use super::time::Timestamp;

/// Who a stored row is about, in the terms in which a person can opt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Browser(BrowserId),
}

/// One change to the set of opted-out subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptOut {
    pub subject: Subject,
    pub at: Timestamp,
    pub choice: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Store nothing about the subject from here on.
    Out,
    /// The subject explicitly took an earlier opt-out back.
    In,
}

/// The opted-out subjects as a reader sees them. The log's writer has the last word on them.
pub trait OptOutView {
    fn is_opted_out(&self, subject: Subject) -> bool;
}
