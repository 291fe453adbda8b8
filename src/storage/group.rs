//! What is written with one write: frames, and who waits for them.

use std::collections::HashMap;

use super::dedup::{Dedup, First, Key};
use super::durable::Durable;
use super::entry::EntryKind;
use super::frame::{self, HEAD_BYTES, Head, Salt};
use super::log::{AppendError, Appended};
use super::match_table::MatchRejection;
use super::queue::{Answer, Batch};
use super::record::{BEGIN, Begin, VERSION};
use super::touches::{Learned, Touches};
use super::worker::Worker;
use crate::consent::evidence::Evidence;
use crate::consent::prefs::Prefs;
use crate::consent::regulated::Regulated;
use crate::domain::erasure::Erasure;
use crate::domain::id::HashedAccountId;
use crate::domain::matching::{PartnerMatch, Unmatch};
use crate::domain::opt_out::{Choice, Subject};

/// What becomes of one entry if the group it is in gets to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored,
    Duplicate(First),
    Known,
    Rejected(MatchRejection),
    OptedOut,
    Refused(AppendError),
}

impl Outcome {
    fn answer(self, durable: &Durable) -> Answer {
        match self {
            Self::Stored => Ok(Appended::Stored(durable.for_another())),
            Self::Duplicate(first) => Ok(first.appended()),
            Self::Known => Ok(Appended::Known),
            Self::Rejected(reason) => Ok(Appended::Rejected(reason)),
            Self::OptedOut => Ok(Appended::OptedOut),
            Self::Refused(error) => Err(error),
        }
    }

    /// If the group does not get there. A duplicate may be one of an entry in the very group.
    const fn failed(self) -> Answer {
        match self {
            Self::OptedOut => Ok(Appended::OptedOut),
            Self::Rejected(reason) => Ok(Appended::Rejected(reason)),
            _ => Err(AppendError::Unavailable),
        }
    }
}

impl First {
    const fn appended(self) -> Appended {
        Appended::Duplicate { id: self.id, source: self.source }
    }
}

/// One change to the match table.
#[derive(Debug)]
pub(super) enum MatchChange {
    Match(Box<PartnerMatch>, Evidence),
    Unmatch(Unmatch),
}

/// The batches that the writer took at once, each until it is answered.
#[derive(Default)]
pub(super) struct Round {
    batches: Vec<Option<Batch>>,
    /// How many entries each has; they are lent out while the writer goes through them.
    lengths: Vec<usize>,
}

impl Round {
    pub(super) fn fill(&mut self, batches: &mut Vec<Batch>) {
        self.batches.clear();
        self.lengths.clear();
        self.lengths.extend(batches.iter().map(|batch| batch.entries.len()));
        self.batches.extend(batches.drain(..).map(Some));
    }

    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    pub(super) fn batch(&mut self, at: usize) -> &mut Batch {
        self.batches[at].as_mut().expect("a batch stays until its last entry is answered")
    }

    /// How many entries got their answers by this.
    fn answer(&mut self, outcomes: &mut Vec<(usize, Outcome)>, say: impl Fn(Outcome) -> Answer) -> usize {
        let answered = outcomes.len();
        for (at, outcome) in outcomes.drain(..) {
            let batch = self.batch(at);
            batch.answers.push(say(outcome));
            if batch.answers.len() == self.lengths[at]
                && let Some(batch) = self.batches[at].take()
            {
                Worker::give_back(batch);
            }
        }
        answered
    }

    /// Answers everything that is left, after the writer broke down.
    pub(super) fn fail_rest(&mut self) -> usize {
        let mut failed = 0;
        for (batch, length) in self.batches.iter_mut().zip(&self.lengths) {
            let Some(mut batch) = batch.take() else { continue };
            failed += length - batch.answers.len();
            batch.answers.resize_with(*length, || Err(AppendError::Unavailable));
            Worker::give_back(batch);
        }
        failed
    }
}

/// Frames that are collected until they are written.
#[derive(Default)]
pub(super) struct Group {
    pub(super) frames: Vec<u8>,
    /// How many of the first bytes are the frame that begins a file.
    begin_bytes: usize,
    starts: Vec<Start>,
    keys: Vec<(Key, bool)>,
    /// What its entries have added to what is known of touches, and whether they are acknowledged only after a sync.
    learned: Vec<(Learned, bool)>,
    /// Subjects whose opt-out is taken back as soon as this group is on the disk.
    lifted: Vec<Subject>,
    /// Erasures, which hold as soon as this group is on the disk, with their sequence numbers.
    erasures: Vec<(u64, Erasure)>,
    /// Subjects of erasures that are opted out and stay so.
    concealed: Vec<Subject>,
    /// What accounts have switched off and on, which holds as soon as this group is on the disk. The last of each counts.
    settings: HashMap<HashedAccountId, Prefs>,
    /// What the match table learns: after the write, and after the sync.
    matches: [Vec<MatchChange>; 2],
    /// What to tell after the write, and what after the sync.
    outcomes: [Vec<(usize, Outcome)>; 2],
    pub(super) wants_sync: bool,
    /// An opt-out, settings or an erasure.
    pub(super) has_removal: bool,
    /// Opt-outs, and opt-outs taken back.
    choices: [u64; 2],
    stored: [u64; EntryKind::ALL.len()],
    /// Those who need no sync have had their answer.
    is_told: bool,
}

/// Where an entry's frame starts.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: usize,
    /// It is acknowledged only after a sync.
    needs_sync: bool,
    /// It has been acknowledged.
    is_told: bool,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.outcomes.iter().all(Vec::is_empty)
    }

    /// Puts the frame in front that begins a file, in place of an earlier one, and moves all frames to that file.
    pub(super) fn begin(&mut self, begin: Begin, mut head: Head, salt: Salt) {
        self.frames.drain(..self.begin_bytes);
        self.starts.iter_mut().for_each(|start| start.at -= self.begin_bytes);
        if let Some(first) = frame::sequence(&self.frames) {
            head.sequence = first;
        }
        let mut frames = Vec::with_capacity(self.frames.len() + BEGIN_FRAME_BYTES);
        frame::push(&mut frames, salt, head, |buffer| begin.write(buffer));
        self.begin_bytes = frames.len();
        frame::reseal(&mut self.frames, salt);
        frames.append(&mut self.frames);
        self.frames = frames;
        self.starts.iter_mut().for_each(|start| start.at += self.begin_bytes);
    }

    pub(super) fn push(&mut self, salt: Salt, head: Head, payload: &[u8], kind: EntryKind, needs_sync: bool) {
        self.starts.push(Start { at: self.frames.len(), needs_sync, is_told: false });
        frame::push(&mut self.frames, salt, head, |buffer| buffer.extend_from_slice(payload));
        self.wants_sync |= needs_sync;
        self.stored[kind as usize] += 1;
    }

    pub(super) fn expect(&mut self, batch: usize, needs_sync: bool, outcome: Outcome) {
        self.outcomes[usize::from(needs_sync)].push((batch, outcome));
    }

    pub(super) fn note_key(&mut self, key: Key, needs_sync: bool) {
        self.keys.push((key, needs_sync));
    }

    pub(super) fn note_learned(&mut self, learned: impl IntoIterator<Item = Learned>, needs_sync: bool) {
        self.learned.extend(learned.into_iter().map(|learned| (learned, needs_sync)));
    }

    /// Whether `key` came with an entry of this group that is acknowledged only after a sync.
    pub(super) fn has_unsynced(&self, key: Key) -> bool {
        self.keys.contains(&(key, true))
    }

    pub(super) fn note_choice(&mut self, choice: Choice) {
        self.choices[choice as usize] += 1;
    }

    /// How many opt-outs there are in it, and how many taken back.
    pub(super) fn take_choices(&mut self) -> [u64; 2] {
        std::mem::take(&mut self.choices)
    }

    pub(super) fn lift(&mut self, subject: Subject) {
        self.lifted.push(subject);
    }

    /// `subject` opted out again, after it had taken an opt-out back in this same group.
    pub(super) fn keep_out(&mut self, subject: Subject) {
        self.lifted.retain(|lifted| *lifted != subject);
    }

    /// Whether `subject` takes its opt-out back in this group.
    pub(super) fn lifts(&self, subject: Subject) -> bool {
        self.lifted.contains(&subject)
    }

    pub(super) fn note_erasure(&mut self, sequence: u64, erasure: Erasure) {
        self.erasures.push((sequence, erasure));
    }

    pub(super) fn note_settings(&mut self, account: HashedAccountId, prefs: Prefs) {
        self.settings.insert(account, prefs);
    }

    pub(super) fn take_settings(&mut self) -> HashMap<HashedAccountId, Prefs> {
        std::mem::take(&mut self.settings)
    }

    pub(super) fn note_match(&mut self, change: MatchChange, needs_sync: bool) {
        self.matches[usize::from(needs_sync)].push(change);
    }

    /// Nothing that this group has of `subject` gets into the match table.
    pub(super) fn forget_matches(&mut self, subject: Subject) {
        for changes in &mut self.matches {
            changes.retain(|change| match change {
                MatchChange::Match(found, _) => !found.subjects().contains(&Some(subject)),
                MatchChange::Unmatch(_) => true,
            });
        }
    }

    /// What the match table learns with the group being written, or with it being synced.
    pub(super) fn take_matches(&mut self, is_synced: bool) -> Vec<MatchChange> {
        std::mem::take(&mut self.matches[usize::from(is_synced)])
    }

    pub(super) fn conceal(&mut self, subject: Subject) {
        self.concealed.push(subject);
    }

    /// What changes with this group being on the disk: whose opt-out is known by a digest from here on, whose is taken
    /// back, and what is to be erased.
    pub(super) fn take_changes(&mut self) -> (Vec<Subject>, Vec<Subject>, Vec<(u64, Erasure)>) {
        let (concealed, lifted) = (&mut self.concealed, &mut self.lifted);
        (std::mem::take(concealed), std::mem::take(lifted), std::mem::take(&mut self.erasures))
    }

    /// The group is with the operating system.
    pub(super) fn tell_written(&mut self, round: &mut Round, written: &Durable) -> usize {
        self.is_told = true;
        self.starts.iter_mut().for_each(|start| start.is_told |= !start.needs_sync);
        round.answer(&mut self.outcomes[0], |outcome| outcome.answer(written))
    }

    /// The group is on the disk.
    pub(super) fn tell_synced(&mut self, round: &mut Round, synced: &Durable) -> usize {
        round.answer(&mut self.outcomes[1], |outcome| outcome.answer(synced))
    }

    /// Those who wait for nothing that is written with this group.
    pub(super) fn tell_unwritten(&mut self, round: &mut Round) -> usize {
        let say = |outcome| match outcome {
            Outcome::Duplicate(first) => Ok(first.appended()),
            Outcome::Known => Ok(Appended::Known),
            other => other.failed(),
        };
        self.outcomes.iter_mut().map(|outcomes| round.answer(outcomes, say)).sum()
    }

    /// No file takes the group. What was acknowledged already stays in it, to be written as soon as there is a file;
    /// the rest was never there.
    pub(super) fn give_up(&mut self, round: &mut Round, dedup: &mut Dedup, touches: &mut Touches) -> usize {
        for (key, needs_sync) in std::mem::take(&mut self.keys) {
            if needs_sync || !self.is_told {
                dedup.remove(key);
            }
        }
        // The last first, so that each leaves what was before it.
        for (learned, needs_sync) in std::mem::take(&mut self.learned).into_iter().rev() {
            if needs_sync || !self.is_told {
                touches.unlearn(learned);
            }
        }
        let frames = std::mem::take(&mut self.frames);
        let starts = std::mem::take(&mut self.starts);
        let ends = starts.iter().skip(1).map(|start| start.at).chain([frames.len()]);
        for (start, end) in starts.iter().zip(ends).filter(|(start, _)| start.is_told) {
            self.starts.push(Start { at: self.frames.len(), ..*start });
            self.frames.extend_from_slice(&frames[start.at..end]);
        }
        let told = self.outcomes.iter_mut().map(|outcomes| round.answer(outcomes, Outcome::failed)).sum();
        self.begin_bytes = 0;
        self.lifted.clear();
        self.concealed.clear();
        self.settings.clear();
        self.matches.iter_mut().for_each(Vec::clear);
        self.erasures.clear();
        self.choices = [0; 2];
        self.stored = [0; EntryKind::ALL.len()];
        self.wants_sync = false;
        self.has_removal = false;
        self.is_told = false;
        told
    }

    /// Ready for the next frames; says how many entries of each kind this one had.
    pub(super) fn clear(&mut self) -> [u64; EntryKind::ALL.len()] {
        self.frames.clear();
        self.begin_bytes = 0;
        self.starts.clear();
        self.keys.clear();
        self.learned.clear();
        self.lifted.clear();
        self.concealed.clear();
        self.settings.clear();
        self.matches.iter_mut().for_each(Vec::clear);
        self.erasures.clear();
        self.wants_sync = false;
        self.has_removal = false;
        self.is_told = false;
        self.choices = [0; 2];
        std::mem::take(&mut self.stored)
    }
}

/// The length of the frame that begins a file.
pub(super) const BEGIN_FRAME_BYTES: usize = HEAD_BYTES + 16;

pub(super) const fn begin_head(sequence: u64, at_ms: u64) -> Head {
    Head { sequence, at_ms, durable: 0, kind: BEGIN, version: VERSION }
}
