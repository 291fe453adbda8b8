//! What became of the latest hits, kept in memory for a developer to look at. Only in development mode.
//!
//! Holds no identifier: what was stored is read from the log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::outcome::Outcome;
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;

/// The latest [`NOTES_MAX`] decisions.
#[derive(Default)]
pub struct Journal {
    notes: Mutex<VecDeque<Note>>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub at: Timestamp,
    /// As the answer's `Pixelgate-Outcome` has it.
    pub outcome: String,
    pub reason: Option<&'static str>,
    /// A sentence for people.
    pub text: String,
    /// The event that the log holds, where it was stored.
    pub stored: Option<EventId>,
}

impl Journal {
    pub fn note(&self, at: Timestamp, outcome: &Outcome) {
        let stored = match outcome {
            Outcome::Stored { id, .. } => Some(*id),
            _ => None,
        };
        let note =
            Note { at, outcome: outcome.to_string(), reason: outcome.reason(), text: outcome.text(), stored };
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() >= NOTES_MAX {
            notes.pop_front();
        }
        notes.push_back(note);
    }

    /// Oldest first.
    pub fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Forgets the notes; what was stored stays stored.
    pub fn reset(&self) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

const NOTES_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_keeps_the_latest_thousand() {
        let journal = Journal::default();
        for at in 0..=NOTES_MAX as u64 {
            journal.note(Timestamp(at), &Outcome::Overloaded);
        }
        let notes = journal.notes();
        assert_eq!((notes.len(), notes[0].at), (NOTES_MAX, Timestamp(1)));
        journal.reset();
        assert_eq!(journal.notes(), []);
    }
}
