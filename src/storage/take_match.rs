//! How the writer takes a cookie match, and what takes one back.

use super::dedup::First;
use super::entry::EntryKind;
use super::group::{MatchChange, Outcome, Round};
use super::match_table::{Judged, MatchRejection};
use super::metrics::Rejected;
use super::record::{MATCH, UNMATCH};
use super::record_match::{StoredMatch, StoredUnmatch};
use super::writer::Writer;
use crate::consent::gate::Permitted;
use crate::consent::regulated::Regulated;
use crate::domain::matching::{MatchProof, PartnerMatch, Unmatch};
use crate::domain::opt_out::Subject;
use crate::domain::time::Timestamp;

impl Writer {
    pub(super) fn take_match(
        &mut self,
        round: &mut Round,
        at: usize,
        permitted: &Permitted<PartnerMatch>,
    ) -> Outcome {
        let found = permitted.value();
        if self.is_unwanted(&found.subjects(), found.at) {
            return Outcome::OptedOut;
        }
        let state = match found.proof {
            MatchProof::State(nonce) => Some(self.dedup.key_of_state(found.partner_id, nonce)),
            MatchProof::Unsigned | MatchProof::Signed => None,
        };
        if self.dedup.find(&[state, None], self.now_ms).is_some() {
            return self.reject(MatchRejection::StateUsed);
        }
        match self.matches.judge(found, permitted.evidence(), Timestamp(self.now_ms)) {
            // One with a state is stored again all the same: the log is what says that the state has been used.
            Judged::Known if state.is_none() => return Outcome::Known,
            Judged::Known | Judged::Store => {}
            Judged::Rejected(reason) => return self.reject(reason),
        }
        self.payload.clear();
        StoredMatch::lend(found, permitted.evidence()).write(&mut self.payload);
        let needs_sync = round.batch(at).needs_sync;
        let outcome = self.place(round, EntryKind::Match, MATCH, needs_sync);
        if outcome == Outcome::Stored {
            if let Some(key) = state {
                self.dedup.insert(key, First::of_match(found.id), self.now_ms);
                self.group.note_key(key, needs_sync);
            }
            let change = MatchChange::Match(Box::new(found.clone()), *permitted.evidence());
            self.group.note_match(change, needs_sync);
        }
        outcome
    }

    pub(super) fn take_unmatch(&mut self, round: &mut Round, at: usize, unmatch: &Unmatch) -> Outcome {
        self.payload.clear();
        StoredUnmatch::lend(unmatch).write(&mut self.payload);
        let needs_sync = round.batch(at).needs_sync;
        let outcome = self.place(round, EntryKind::Unmatch, UNMATCH, needs_sync);
        if outcome == Outcome::Stored {
            self.group.note_match(MatchChange::Unmatch(*unmatch), needs_sync);
        }
        outcome
    }

    fn reject(&self, reason: MatchRejection) -> Outcome {
        self.metrics.matches_rejected.get_or_create(&Rejected { reason: reason.code() }).inc();
        Outcome::Rejected(reason)
    }

    /// At once, as with the set of the opted-out; what this very group has of them does not get in either.
    pub(super) fn forget_matches(&mut self, subject: Subject) {
        self.group.forget_matches(subject);
        self.matches.remove_subject(subject);
    }
}
