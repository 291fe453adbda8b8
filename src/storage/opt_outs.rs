//! The opted-out subjects. The only module that names dashmap.

use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use foldhash::quality::RandomState;

use super::record_erasure::{SubjectDigest, digest};
use crate::domain::opt_out::{Choice, OptOut, OptOutView, Subject};

/// Read by every hit on any thread, changed by the log's writer alone.
#[derive(Debug, Default)]
pub struct OptOuts {
    /// Hashed for every hit: the standard library's hash costs more than the look-up. Seeded at random for each set.
    subjects: DashMap<Subject, (), RandomState>,
    /// Those who opted out and had what was stored about them erased.
    concealed: DashMap<SubjectDigest, (), RandomState>,
    /// Where nobody ever was, nobody pays for a digest.
    has_concealed: AtomicBool,
}

impl OptOuts {
    /// How many subjects have opted out.
    pub fn len(&self) -> usize {
        self.subjects.len() + self.concealed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.concealed.is_empty()
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
        if self.has_concealed() {
            self.concealed.remove(&digest(subject));
        }
    }

    /// From here on the subject is known by its digest alone. It is opted out at every moment of this.
    pub(super) fn conceal(&self, subject: Subject) {
        self.insert_concealed(digest(subject));
        self.subjects.remove(&subject);
    }

    pub(super) fn insert_concealed(&self, digest: SubjectDigest) {
        self.concealed.insert(digest, ());
        self.has_concealed.store(true, Ordering::SeqCst);
    }

    /// Whether the subject is opted out and known by its identifier.
    pub(super) fn is_named(&self, subject: Subject) -> bool {
        self.subjects.contains_key(&subject)
    }

    pub(super) fn is_concealed(&self, digest: SubjectDigest) -> bool {
        self.concealed.contains_key(&digest)
    }

    /// Does again what the log says was done.
    pub(super) fn replay(&self, opt_out: &OptOut) {
        match opt_out.choice {
            Choice::Out => self.insert(opt_out.subject),
            Choice::In => self.remove(opt_out.subject),
        }
    }

    fn has_concealed(&self) -> bool {
        self.has_concealed.load(Ordering::SeqCst)
    }
}

impl OptOutView for OptOuts {
    fn is_opted_out(&self, subject: Subject) -> bool {
        self.is_named(subject) || (self.has_concealed() && self.is_concealed(digest(subject)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::BrowserId;

    #[test]
    fn a_concealed_opt_out_holds_until_it_is_taken_back() {
        let opt_outs = OptOuts::default();
        let [one, other] = [1, 2].map(|byte| Subject::Browser(BrowserId::from_bytes([byte; 16])));
        opt_outs.insert(one);
        opt_outs.conceal(one);
        assert!(!opt_outs.is_named(one) && opt_outs.is_opted_out(one) && !opt_outs.is_opted_out(other));
        assert_eq!(opt_outs.len(), 1);
        opt_outs.remove(one);
        assert!(!opt_outs.is_opted_out(one) && opt_outs.is_empty());
    }
}
