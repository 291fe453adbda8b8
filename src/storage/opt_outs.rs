//! The opted-out subjects. The only module that names dashmap and foldhash.

use dashmap::DashMap;
use foldhash::quality::RandomState;

use crate::domain::opt_out::{Choice, OptOut, OptOutView, Subject};

/// Read by every hit on any thread, changed by the log's writer alone.
#[derive(Debug, Default)]
pub struct OptOuts {
    /// Hashed for every hit: the standard library's hash costs more than the look-up. Seeded at random for each set.
    subjects: DashMap<Subject, (), RandomState>,
}

impl OptOuts {
    /// How many subjects have opted out.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// All of them, in no order.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        self.subjects.iter().map(|entry| *entry.key())
    }

    pub(super) fn insert(&self, subject: Subject) {
        self.subjects.insert(subject, ());
    }

    pub(super) fn remove(&self, subject: Subject) {
        self.subjects.remove(&subject);
    }

    /// Does again what the log says was done.
    pub(super) fn replay(&self, opt_out: &OptOut) {
        match opt_out.choice {
            Choice::Out => self.insert(opt_out.subject),
            Choice::In => self.remove(opt_out.subject),
        }
    }
}

impl OptOutView for OptOuts {
    fn is_opted_out(&self, subject: Subject) -> bool {
        self.subjects.contains_key(&subject)
    }
}
