//! What is not stored, counted for each event tag since the start: duplicates, refusals, mistakes.
//!
//! In memory only, and about nobody. Each worker counts for itself, so that no two of them ever wait for each other.
//! What is stored costs nothing here: whoever wants to know of that reads the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::outcome::{Invalid, Outcome};
use crate::consent::refusal::Refusal;
use crate::domain::conversion::{ShortText, Source};
use crate::domain::id::{AccountId, EventTagId, PixelId};
use crate::domain::settings::{EventTag, Pixel};
use crate::domain::time::Timestamp;

/// What all workers have counted.
pub struct TagWatch {
    pub since: Timestamp,
    workers: Mutex<Vec<Arc<TagCounter>>>,
}

/// What one worker counts.
#[derive(Default)]
pub struct TagCounter(Mutex<HashMap<Whose, [Counts; Source::ALL.len()]>>);

/// Whose event it is: only what is configured, so that nobody can fill the memory with names of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Whose {
    pub account_id: AccountId,
    pub pixel_id: PixelId,
    /// `None` for what comes to none of the pixel's tags.
    pub event_tag_id: Option<EventTagId>,
}

/// Why an event is not in the log, or not once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unstored {
    /// It was stored before, by the same source.
    Repeated,
    /// It was stored before, and the other source had told of it.
    Overlap,
    Refused(Refusal),
    Invalid(Invalid),
    /// This field of an item for the API has a mistake.
    BadField(&'static str),
    /// Nothing is wrong with it, but with another item of its request, which is refused as a whole.
    WithOthers,
    Overloaded,
    Unavailable,
}

/// What was counted for one tag, or for a pixel where there is none, by one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSeen {
    pub pixel_id: PixelId,
    pub event_tag_id: Option<EventTagId>,
    pub source: Source,
    /// Each reason once, the most frequent first.
    pub unstored: Vec<(Unstored, u64)>,
    /// Names of events that the pixel has no tag for, the most frequent first, at most [`NAMES_MAX`].
    pub unknown_events: Vec<(ShortText, u64)>,
    /// Events of names beyond those, and of names that cannot be kept.
    pub other_unknown_events: u64,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    unstored: Vec<(Unstored, u64)>,
    names: Vec<(ShortText, u64)>,
    other_names: u64,
}

impl TagWatch {
    pub fn new(since: Timestamp) -> Self {
        Self { since, workers: Mutex::default() }
    }

    /// One for each worker.
    pub fn counter(&self) -> Arc<TagCounter> {
        let counter = Arc::new(TagCounter::default());
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counter));
        counter
    }

    /// All of one account, by pixel, tag and source. What has not been counted is not there.
    pub fn account(&self, account_id: AccountId) -> Vec<TagSeen> {
        let mut all = BTreeMap::<(Whose, Source), Counts>::new();
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let tags = worker.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (whose, by_source) in tags.iter().filter(|(whose, _)| whose.account_id == account_id) {
                for (source, counts) in Source::ALL.into_iter().zip(by_source) {
                    all.entry((*whose, source)).or_default().merge(counts);
                }
            }
        }
        let all = all.into_iter().filter(|(_, counts)| !counts.unstored.is_empty());
        all.map(|((whose, source), counts)| counts.seen(whose, source)).collect()
    }
}

impl TagCounter {
    /// One more event. `unknown` is what it was called, where that stands for none of the pixel's tags.
    pub(super) fn note(&self, whose: Whose, source: Source, why: Unstored, unknown: Option<&str>) {
        // Numbers only; a panic leaves good ones.
        let mut tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tags.len() >= TAGS_MAX && !tags.contains_key(&whose) {
            return;
        }
        let counts = &mut tags.entry(whose).or_default()[source as usize];
        counts.add(why, 1);
        if let Some(name) = unknown {
            counts.add_name(ShortText::parse(name), 1);
        }
    }
}

impl Whose {
    pub(super) fn of(pixel: &Pixel, tag: Option<&EventTag>) -> Self {
        Self { account_id: pixel.account_id, pixel_id: pixel.id, event_tag_id: tag.map(|tag| tag.id) }
    }
}

impl Counts {
    fn add(&mut self, why: Unstored, count: u64) {
        match self.unstored.iter_mut().find(|(known, _)| *known == why) {
            Some((_, sum)) => *sum += count,
            None => self.unstored.push((why, count)),
        }
    }

    fn add_name(&mut self, name: Option<ShortText>, count: u64) {
        let Some(name) = name else {
            self.other_names += count;
            return;
        };
        let has_room = self.names.len() < NAMES_MAX;
        match self.names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None if has_room => self.names.push((name, count)),
            None => self.other_names += count,
        }
    }

    fn merge(&mut self, other: &Self) {
        other.unstored.iter().for_each(|&(why, count)| self.add(why, count));
        other.names.iter().for_each(|(name, count)| self.add_name(Some(name.clone()), *count));
        self.other_names += other.other_names;
    }

    fn seen(mut self, whose: Whose, source: Source) -> TagSeen {
        self.unstored.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        self.names
            .sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.as_str().cmp(other.0.as_str())));
        TagSeen {
            pixel_id: whose.pixel_id,
            event_tag_id: whose.event_tag_id,
            source,
            unstored: self.unstored,
            unknown_events: self.names,
            other_unknown_events: self.other_names,
        }
    }
}

impl Unstored {
    /// `None` for what is stored. `source` is how the event came.
    pub(super) fn of(outcome: &Outcome, source: Source) -> Option<Self> {
        Some(match *outcome {
            Outcome::Duplicate { source: first, .. } if first != source => Self::Overlap,
            Outcome::Duplicate { .. } => Self::Repeated,
            Outcome::Refused(reason) => Self::Refused(reason),
            Outcome::Invalid(reason) => Self::Invalid(reason),
            Outcome::Overloaded => Self::Overloaded,
            Outcome::Unavailable => Self::Unavailable,
            // The others become of cookie matches alone.
            Outcome::Stored { .. } | Outcome::Known | Outcome::Rejected(_) | Outcome::OverPartnerLimit => {
                return None;
            }
        })
    }

    /// As the answer's `Pixelgate-Outcome` has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Repeated | Self::Overlap => "duplicate",
            Self::Refused(reason) => Outcome::Refused(reason).word(),
            Self::Invalid(_) | Self::BadField(_) | Self::WithOthers => "invalid",
            Self::Overloaded | Self::Unavailable => "overloaded",
        }
    }

    /// A stable word for machines.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Repeated => "same-source",
            Self::Overlap => "other-source",
            Self::Refused(reason) => reason.code(),
            Self::Invalid(reason) => reason.code(),
            Self::BadField(field) => field,
            Self::WithOthers => "with-others",
            Self::Overloaded => "queue",
            Self::Unavailable => "disk",
        }
    }

    /// A sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Repeated => "the same source had told of it already",
            Self::Overlap => "pixel and API both told of it, and the other one came first",
            Self::Refused(reason) => reason.text(),
            Self::Invalid(reason) => reason.text(),
            Self::BadField(_) => "this field of the item has a mistake",
            Self::WithOthers => "another item of the same request has a mistake, so none was taken",
            Self::Overloaded => "too much was waiting",
            Self::Unavailable => "the disk took nothing",
        }
    }
}

/// Of each pixel and source.
pub const NAMES_MAX: usize = 8;
/// More than any configuration has: tags that were deleted stay counted. 16 MB or so with all reasons at each.
const TAGS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const REPEATED: Unstored = Unstored::Repeated;

    fn whose(account: u64, tag: Option<u64>) -> Whose {
        Whose {
            account_id: AccountId::from_number(account),
            pixel_id: PixelId::from_number(account),
            event_tag_id: tag.map(EventTagId::from_number),
        }
    }

    #[test]
    fn what_workers_count_is_added_up_for_its_account_alone() {
        let watch = TagWatch::new(Timestamp(0));
        let (one, other) = (watch.counter(), watch.counter());
        for counter in [&one, &other, &other] {
            counter.note(whose(1, Some(5)), Source::Pixel, Unstored::Refused(Refusal::Gpc), None);
        }
        one.note(whose(1, Some(5)), Source::Pixel, REPEATED, None);
        one.note(whose(1, Some(5)), Source::Api, Unstored::Overlap, None);
        one.note(whose(2, None), Source::Pixel, Unstored::WithOthers, None);
        let seen = watch.account(AccountId::from_number(1));
        let counts: Vec<_> = seen.iter().map(|seen| (seen.source, &*seen.unstored)).collect();
        let gpc = Unstored::Refused(Refusal::Gpc);
        assert_eq!(
            counts,
            [(Source::Pixel, &[(gpc, 3), (REPEATED, 1)][..]), (Source::Api, &[(Unstored::Overlap, 1)])]
        );
        assert_eq!(watch.account(AccountId::from_number(3)), []);
    }

    #[test]
    fn eight_names_are_kept_and_none_that_names_a_person() {
        let watch = TagWatch::new(Timestamp(0));
        let counter = watch.counter();
        let unknown = Unstored::Invalid(Invalid::UnknownEvent);
        for name in (0..=NAMES_MAX).map(|number| format!("event{number}")) {
            counter.note(whose(1, None), Source::Pixel, unknown, Some(&name));
        }
        for name in ["event3", "jane@shop.example", &"x".repeat(129), ""] {
            counter.note(whose(1, None), Source::Pixel, unknown, Some(name));
        }
        let seen = watch.account(AccountId::from_number(1)).remove(0);
        assert_eq!(seen.unstored, [(unknown, 13)]);
        assert_eq!((seen.unknown_events.len(), seen.other_unknown_events), (NAMES_MAX, 4));
        assert_eq!((seen.unknown_events[0].0.as_str(), seen.unknown_events[0].1), ("event3", 2));
    }

    #[test]
    fn no_more_tags_are_counted_than_there_is_room_for() {
        let watch = TagWatch::new(Timestamp(0));
        let counter = watch.counter();
        let tags = TAGS_MAX as u64;
        (0..=tags).for_each(|tag| counter.note(whose(1, Some(tag)), Source::Pixel, REPEATED, None));
        counter.note(whose(1, Some(0)), Source::Pixel, REPEATED, None);
        let seen = watch.account(AccountId::from_number(1));
        assert_eq!((seen.len(), &seen[0].unstored), (TAGS_MAX, &vec![(REPEATED, 2)]));
    }
}
