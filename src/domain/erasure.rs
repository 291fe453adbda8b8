//! A person's request that what is stored about them goes.

use std::fmt;

use super::id::EventId;
use super::opt_out::Subject;
use super::time::Timestamp;

/// Removes everything about one subject that was stored before. What comes later is new; only an opt-out stops that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// The receipt's; the subjects of one request share it.
    pub id: ErasureId,
    pub subject: Subject,
    pub at: Timestamp,
}

/// Names one request for erasure and nobody: a UUID version 7, as [`EventId`] is one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErasureId(EventId);

impl ErasureId {
    /// 48 bits of Unix milliseconds, then 74 random bits out of `random`'s 80.
    pub fn new(at_ms: u64, random: [u8; 10]) -> Self {
        Self(EventId::new(at_ms, random))
    }

    pub const fn bytes(self) -> [u8; 16] {
        self.0.bytes()
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(EventId::from_bytes(bytes))
    }
}

impl fmt::Display for ErasureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ErasureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasureId({self})")
    }
}
