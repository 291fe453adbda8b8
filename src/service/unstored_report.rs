//! What was not stored of an advertiser's events, as its page tells it. A pure function of what was counted.
//!
//! Duplicates and mistakes are the advertiser's own, and always told. Whom consent refused, and why, splits people, and is told
//! only where there are enough of them ([`super::small_cells`]).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::advertiser_report::{About, Tag};
use super::small_cells::{EVENTS_MIN, Split};
use super::tag_watch::{TagSeen, Unstored};
use crate::consent::refusal::{Refusal, RefusalKind};
use crate::domain::conversion::{ShortText, Source};
use crate::domain::id::{EventTagId, PixelId};

/// What was counted of one event tag since the server's start, or of what came to none of a pixel's tags.
#[derive(Debug, Clone, PartialEq)]
pub struct TagUnstored {
    pub about: About,
    pub lines: Vec<Line>,
    /// Names of events that the pixel has no tag for, the most frequent first.
    pub names: Vec<(ShortText, BySource<u64>)>,
    /// Events of other such names.
    pub other_names: BySource<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub what: What,
    /// `None`: too small to be told.
    pub counts: BySource<Option<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Unstored(Unstored),
    /// All that consent refused. The reasons come next, as far as they may be told.
    Refused,
}

/// In the order of [`Source::ALL`].
pub type BySource<T> = [T; Source::ALL.len()];

const REASONS: usize = Refusal::ALL.len();

/// In the order of `tags`, which are all that the report has, and then what is of none of them.
pub(super) fn report(seen: &[TagSeen], tags: &[&Tag]) -> Vec<TagUnstored> {
    let mut all = BTreeMap::<(usize, PixelId, Option<EventTagId>), Counted>::new();
    for seen in seen {
        let place = (seen.pixel_id, seen.event_tag_id);
        let at = tags.iter().position(|tag| (tag.pixel_id, tag.id) == place);
        all.entry((at.unwrap_or(tags.len()), place.0, place.1)).or_default().add(seen);
    }
    let told = all.into_iter().map(|((at, pixel_id, id), counted)| {
        let about = match id {
            None => About::Pixel(pixel_id),
            Some(id) => match tags.get(at) {
                Some(tag) => About::Tag((*tag).clone()),
                None => About::Gone(pixel_id, id),
            },
        };
        counted.told(about)
    });
    told.collect()
}

impl TagUnstored {
    /// How many events both sources told of.
    pub(super) fn overlap(&self) -> u64 {
        let of_both = self.lines.iter().filter(|line| line.what == What::Unstored(Unstored::Overlap));
        of_both.map(Line::told).sum()
    }

    /// How many events are of names that the pixel has no tag for.
    pub(super) fn unknown_events(&self) -> u64 {
        let names = self.names.iter().flat_map(|(_, counts)| counts);
        names.chain(&self.other_names).sum()
    }

    pub fn hides(&self) -> bool {
        self.lines.iter().any(|line| line.counts.contains(&None))
    }
}

impl Line {
    fn told(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// What is alike stands together: duplicates, what consent refused, what nobody saw, mistakes, our own troubles.
    const fn group(&self) -> u8 {
        match self.what {
            What::Unstored(Unstored::Repeated | Unstored::Overlap) => 0,
            What::Refused => 1,
            What::Unstored(why) if is_of_people(why) => 2,
            What::Unstored(Unstored::Refused(_)) => 3,
            What::Unstored(Unstored::Invalid(_) | Unstored::BadField(_) | Unstored::WithOthers) => 4,
            What::Unstored(Unstored::Overloaded | Unstored::Unavailable) => 5,
        }
    }
}

/// How many of an account's events were not stored for this reason; `None` if they are so few that it could be about
/// somebody the advertiser knows.
pub fn told(why: Unstored, count: u64) -> Option<u64> {
    (count >= EVENTS_MIN || !is_of_people(why)).then_some(count)
}

/// What somebody chose, or is; not that nobody was there.
pub const fn is_of_people(why: Unstored) -> bool {
    matches!(why, Unstored::Refused(reason) if !matches!(reason.kind(), RefusalKind::NotApplicable))
}

#[derive(Default)]
struct Counted {
    own: BTreeMap<Unstored, BySource<u64>>,
    refused: BTreeMap<Refusal, BySource<u64>>,
    names: Vec<(ShortText, BySource<u64>)>,
    other_names: BySource<u64>,
}

impl Counted {
    fn add(&mut self, seen: &TagSeen) {
        let source = seen.source as usize;
        for &(why, count) in &seen.unstored {
            let counts = match why {
                Unstored::Refused(reason) if is_of_people(why) => self.refused.entry(reason).or_default(),
                _ => self.own.entry(why).or_default(),
            };
            counts[source] += count;
        }
        for (name, count) in &seen.unknown_events {
            match self.names.iter_mut().find(|(known, _)| known == name) {
                Some((_, counts)) => counts[source] += count,
                None => {
                    let mut counts = [0; Source::ALL.len()];
                    counts[source] = *count;
                    self.names.push((name.clone(), counts));
                }
            }
        }
        self.other_names[source] += seen.other_unknown_events;
    }

    fn told(mut self, about: About) -> TagUnstored {
        let own = self
            .own
            .iter()
            .map(|(why, counts)| Line { what: What::Unstored(*why), counts: counts.map(Some) });
        let mut lines: Vec<_> = own.chain(self.refusals()).collect();
        lines.sort_by_key(|line| (line.group(), Reverse(line.told())));
        self.names.sort_by_key(|(_, counts)| Reverse(counts.iter().sum::<u64>()));
        TagUnstored { about, lines, names: self.names, other_names: self.other_names }
    }

    /// A reason that is told of neither source is no line: that there is one says something already.
    fn refusals(&self) -> Vec<Line> {
        if self.refused.is_empty() {
            return Vec::new();
        }
        let splits: BySource<_> = std::array::from_fn(|source| self.split(source));
        let sums = splits.map(|split| (split.all == 0 || split.all >= EVENTS_MIN).then_some(split.all));
        let shown = splits.map(|split| split.shown());
        let reasons = Refusal::ALL.iter().map(|&reason| Line {
            what: What::Unstored(Unstored::Refused(reason)),
            counts: shown.map(|groups| groups.map(|groups| groups[reason as usize])),
        });
        let reasons = reasons.filter(|line| line.told() > 0);
        [Line { what: What::Refused, counts: sums }].into_iter().chain(reasons).collect()
    }

    fn split(&self, source: usize) -> Split<REASONS> {
        let mut groups = [0; REASONS];
        self.refused.iter().for_each(|(reason, counts)| groups[*reason as usize] = counts[source]);
        Split { all: groups.iter().sum(), groups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: Source, unstored: &[(Unstored, u64)]) -> TagSeen {
        TagSeen {
            pixel_id: PixelId::from_number(1),
            event_tag_id: Some(EventTagId::from_number(5)),
            source,
            unstored: unstored.to_vec(),
            unknown_events: Vec::new(),
            other_unknown_events: 0,
        }
    }

    const GPC: Unstored = Unstored::Refused(Refusal::Gpc);
    const DNT: Unstored = Unstored::Refused(Refusal::Dnt);
    const BOT: Unstored = Unstored::Refused(Refusal::Crawler);

    #[track_caller]
    fn check(seen: &[TagSeen], expect: &[(What, BySource<Option<u64>>)]) {
        let told = report(seen, &[]).remove(0);
        let lines: Vec<_> = told.lines.iter().map(|line| (line.what, line.counts)).collect();
        assert_eq!(lines, expect);
    }

    #[test]
    fn why_people_refused_is_told_of_ten_and_more_only() {
        let (pixel, api) = (Source::Pixel, Source::Api);
        let all = |counts| (What::Refused, counts);
        let one = |why, counts| (What::Unstored(why), counts);
        let both = [one(GPC, [Some(30), Some(0)]), one(DNT, [Some(10), Some(0)])];
        check(&[seen(pixel, &[(DNT, 10), (GPC, 30)])], &[all([Some(40), Some(0)]), both[0], both[1]]);
        // One reason is too small, and the other one would tell it.
        check(&[seen(pixel, &[(GPC, 30), (DNT, 9)])], &[all([Some(39), Some(0)])]);
        check(&[seen(pixel, &[(GPC, 9)])], &[all([None, Some(0)])]);
        // Hidden of one source, told of the other.
        check(
            &[seen(pixel, &[(GPC, 9)]), seen(api, &[(DNT, 10)])],
            &[all([None, Some(10)]), one(DNT, [None, Some(10)])],
        );
        // Nobody's choice.
        check(
            &[seen(pixel, &[(BOT, 1), (Unstored::Overlap, 2)])],
            &[one(Unstored::Overlap, [Some(2), Some(0)]), one(BOT, [Some(1), Some(0)])],
        );
    }
}
