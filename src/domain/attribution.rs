//! Which ad touch a conversion is credited to.
//!
//! The rules, in the order in which they decide:
//! 1. Only touches of ads of the conversion's own account count, and only those up to the conversion's time.
//! 2. A click counts for up to the event tag's click window, a view for up to its view-through window. Both borders
//!    count: a touch of the very same millisecond, and one of exactly so many days before. A window of 0 days has
//!    nothing in it.
//! 3. Any click goes before any view.
//! 4. Then the way by which the touch is found: the click id, the browser, the hashed e-mail address, the hashed phone
//!    number.
//! 5. Then the later one; of the same millisecond the one with the greater id.
//!
//! A hash finds what the same account's rows have shown together with it: rows of the same identifiers, the first of them
//! not after the conversion and the last not more than [`SEEN_DAYS_MAX`] days before it. That joins devices, so the
//! touch, those rows, and the conversion must have been permitted to; a conversion under restricted data use joins
//! nothing. A hash that stands for more than [`TRAILS_MAX`] browsers or clicks is nobody's.
//!
//! Nothing in the rules depends on the order in which things became known. A conversion that becomes known more than
//! [`LATE_DAYS_MAX`] days after it happened gets no credit, so that touches need not be kept at hand for ever.

use std::sync::Arc;

use super::conversion::Conversion;
use super::id::{AccountId, BrowserId, EventId, HashedEmail, HashedPhone};
use super::link::Placement;
use super::opt_out::{Subject, Subjects};
use super::time::{MS_PER_DAY, Timestamp};
use super::touch::{IssuedClickId, TouchKind};

/// For how long after a touch conversions are credited to it, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    pub click_days: u8,
    /// 0: views never count.
    pub view_days: u8,
}

impl Windows {
    /// What an advertiser may choose.
    pub const CLICK_DAYS: [u8; 4] = [1, 7, 14, 30];
    pub const VIEW_DAYS: [u8; 5] = [0, 1, 7, 14, 30];

    /// The first moment of a touch that counts for a conversion at `at`.
    const fn earliest(self, kind: TouchKind, at: Timestamp) -> Option<Timestamp> {
        let days = match kind {
            TouchKind::Click => self.click_days,
            TouchKind::View => self.view_days,
        };
        if days == 0 { None } else { Some(Timestamp(at.0.saturating_sub(days as u64 * MS_PER_DAY))) }
    }
}

/// What a conversion was credited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    pub kind: TouchKind,
    pub key: CreditKey,
    pub touch_id: EventId,
    pub touch_at: Timestamp,
    pub placement: Arc<Placement>,
    /// On whom it rests besides those whom the conversion is about: whose touch it was, and who was seen. When any of
    /// them is erased, the credit goes.
    pub others: Subjects,
}

impl Credit {
    /// `post_engagement` or `post_view`, as reports name it.
    pub const fn kind_name(&self) -> &'static str {
        credit_name(self.kind)
    }

    /// Of several credits of one conversion the greatest is the right one.
    pub const fn rank(&self) -> (TouchKind, std::cmp::Reverse<CreditKey>, Timestamp, EventId) {
        (self.kind, std::cmp::Reverse(self.key), self.touch_at, self.touch_id)
    }
}

/// `post_engagement` or `post_view`.
pub const fn credit_name(kind: TouchKind) -> &'static str {
    match kind {
        TouchKind::Click => "post_engagement",
        TouchKind::View => "post_view",
    }
}

/// By what a touch was found, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CreditKey {
    ClickId,
    BrowserId,
    HashedEmail,
    HashedPhone,
}

impl CreditKey {
    pub const ALL: [Self; 4] = [Self::ClickId, Self::BrowserId, Self::HashedEmail, Self::HashedPhone];

    /// As in `match_keys` of an exported conversion.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClickId => "click_id",
            Self::BrowserId => "browser_id",
            Self::HashedEmail => "hashed_email",
            Self::HashedPhone => "hashed_phone_number",
        }
    }
}

/// Somebody on several devices, as far as a conversion says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Person {
    Email(HashedEmail),
    Phone(HashedPhone),
}

impl Person {
    pub const fn subject(self) -> Subject {
        match self {
            Self::Email(email) => Subject::Email(email),
            Self::Phone(phone) => Subject::Phone(phone),
        }
    }

    const fn key(self) -> CreditKey {
        match self {
            Self::Email(_) => CreditKey::HashedEmail,
            Self::Phone(_) => CreditKey::HashedPhone,
        }
    }
}

/// What a touch can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trail {
    Browser(BrowserId),
    Click(IssuedClickId),
}

/// A person and a trail that rows have shown together, and what else those rows show: without any of it they are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    pub person: Person,
    pub account_id: AccountId,
    pub trail: Trail,
    /// The browser, if that is not the trail.
    pub via: Option<BrowserId>,
    /// The other hash.
    pub beside: Option<Person>,
}

/// When that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    pub shown: Shown,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// What a conversion shows together: every person with every trail. Nothing where `may_link` is not so.
pub fn shown_together(conversion: &Conversion, may_link: bool) -> impl Iterator<Item = Shown> {
    let (identifiers, account_id) = (&conversion.identifiers, conversion.account_id);
    let may_link = may_link && !conversion.restricted_data_use;
    let [email, phone] = persons(conversion);
    let persons = [email.map(|email| (email, phone)), phone.map(|phone| (phone, email))];
    let click_id = identifiers.click_id.as_ref().and_then(IssuedClickId::of);
    let browser_id = identifiers.browser_id;
    let trails = [
        browser_id.map(|browser_id| (Trail::Browser(browser_id), None)),
        click_id.map(|click_id| (Trail::Click(click_id), browser_id)),
    ];
    persons.into_iter().flatten().filter(move |_| may_link).flat_map(move |(person, beside)| {
        let shown = move |(trail, via)| Shown { person, account_id, trail, via, beside };
        trails.into_iter().flatten().map(shown)
    })
}

fn persons(conversion: &Conversion) -> [Option<Person>; 2] {
    let identifiers = &conversion.identifiers;
    [identifiers.hashed_email.map(Person::Email), identifiers.hashed_phone.map(Person::Phone)]
}

/// All touches and sightings that are known. What is older than any window can reach may be missing.
pub trait TouchView {
    /// The touch that the click id was made for.
    fn of_click(&self, click_id: IssuedClickId) -> Option<Candidate<'_>>;

    /// The latest touch of a browser by `wanted`.
    fn latest(&self, browser_id: BrowserId, wanted: Wanted) -> Option<Candidate<'_>>;

    /// With what the account's rows have shown the person, in the order of [`Shown`].
    fn seen_with(&self, person: Person, account_id: AccountId) -> impl Iterator<Item = Sighting>;
}

/// Which of a browser's touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub account_id: AccountId,
    pub kind: TouchKind,
    /// Not later than this.
    pub until: Timestamp,
    /// Only those that may be linked with another device.
    pub linkable: bool,
}

/// A touch that may come into question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'v> {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: TouchKind,
    pub browser_id: Option<BrowserId>,
    pub placement: &'v Arc<Placement>,
    /// Whether linking devices was permitted.
    pub may_link: bool,
}

/// What of a conversion decides about its credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    at: Timestamp,
    account_id: AccountId,
    windows: Windows,
    click_id: Option<IssuedClickId>,
    browser_id: Option<BrowserId>,
    /// Empty where devices must not be linked.
    persons: [Option<Person>; 2],
    own: Subjects,
}

impl Claim {
    /// `None` for a conversion that gets no credit, whatever the touches are: without an event tag, or known too late.
    /// `may_link`: linking devices was permitted. `known_at` is when the log took it.
    pub fn of(conversion: &Conversion, may_link: bool, known_at: Timestamp) -> Option<Self> {
        let may_link = may_link && !conversion.restricted_data_use;
        let windows = conversion.windows?;
        let in_time = known_at.ms_since(conversion.at) <= LATE_DAYS_MAX * MS_PER_DAY;
        in_time.then(|| Self {
            at: conversion.at,
            account_id: conversion.account_id,
            windows,
            click_id: conversion.identifiers.click_id.as_ref().and_then(IssuedClickId::of),
            browser_id: conversion.identifiers.browser_id,
            persons: if may_link { persons(conversion) } else { [None; 2] },
            own: own(conversion),
        })
    }

    /// What the conversion is to be credited to.
    pub fn credit(&self, view: &impl TouchView) -> Option<Credit> {
        [TouchKind::Click, TouchKind::View].into_iter().find_map(|kind| self.credit_of(kind, view))
    }

    fn credit_of(&self, kind: TouchKind, view: &impl TouchView) -> Option<Credit> {
        let span = Span { earliest: self.windows.earliest(kind, self.at)?, kind, claim: self };
        let by_click = || {
            let found = span.click(self.click_id?, view)?;
            Some(self.found(&found, CreditKey::ClickId, None))
        };
        let by_browser = || {
            let found = span.browser(self.browser_id?, view, false)?;
            Some(self.found(&found, CreditKey::BrowserId, None))
        };
        let by_person = |person: Person| {
            let (found, shown) = span.person(person, view)?;
            Some(self.found(&found, person.key(), Some(shown)))
        };
        by_click().or_else(by_browser).or_else(|| self.persons.into_iter().flatten().find_map(by_person))
    }

    fn found(&self, found: &Candidate<'_>, key: CreditKey, shown: Option<Shown>) -> Credit {
        let via = shown.and_then(|shown| shown.via).map(Subject::Browser);
        let beside = shown.and_then(|shown| shown.beside).map(Person::subject);
        let others = [found.browser_id.map(Subject::Browser), via, beside];
        Credit {
            kind: found.kind,
            key,
            touch_id: found.id,
            touch_at: found.at,
            placement: Arc::clone(found.placement),
            others: others.map(|other| other.filter(|_| !self.own.contains(&other))),
        }
    }
}

/// Whom the conversion is about.
fn own(conversion: &Conversion) -> Subjects {
    let [email, phone] = persons(conversion).map(|person| person.map(Person::subject));
    [conversion.identifiers.browser_id.map(Subject::Browser), email, phone]
}

/// The touches of one kind that count for a conversion.
struct Span<'c> {
    earliest: Timestamp,
    kind: TouchKind,
    claim: &'c Claim,
}

impl Span<'_> {
    fn has(&self, found: &Candidate<'_>) -> bool {
        found.kind == self.kind
            && found.placement.account_id == self.claim.account_id
            && (self.earliest..=self.claim.at).contains(&found.at)
    }

    fn click<'v>(&self, click_id: IssuedClickId, view: &'v impl TouchView) -> Option<Candidate<'v>> {
        view.of_click(click_id).filter(|found| self.has(found))
    }

    fn browser<'v>(
        &self,
        browser_id: BrowserId,
        view: &'v impl TouchView,
        linkable: bool,
    ) -> Option<Candidate<'v>> {
        let Claim { account_id, at, .. } = *self.claim;
        let wanted = Wanted { account_id, kind: self.kind, until: at, linkable };
        view.latest(browser_id, wanted).filter(|found| self.has(found))
    }

    /// The latest of all that was seen with the person.
    fn person<'v>(&self, person: Person, view: &'v impl TouchView) -> Option<(Candidate<'v>, Shown)> {
        let at = self.claim.at;
        let counts =
            |seen: &Sighting| seen.first <= at && at.ms_since(seen.last) <= SEEN_DAYS_MAX * MS_PER_DAY;
        let (mut trails, mut last, mut latest) = (0, None, None::<(Candidate<'v>, Shown)>);
        for Sighting { shown, .. } in view.seen_with(person, self.claim.account_id).filter(counts) {
            // Of several rows with the same trail the first will do.
            if last.replace(shown.trail) == Some(shown.trail) {
                continue;
            }
            trails += 1;
            if trails > TRAILS_MAX {
                return None;
            }
            let found = match shown.trail {
                Trail::Browser(browser_id) => self.browser(browser_id, view, true),
                Trail::Click(click_id) => self.click(click_id, view).filter(|found| found.may_link),
            };
            let found = found.map(|found| (found, shown));
            // Of a browser and a click that lead to the same touch the browser, which comes first.
            let is_later = |(found, _): &(Candidate<'v>, Shown)| {
                latest.is_none_or(|(latest, _)| (latest.at, latest.id) < (found.at, found.id))
            };
            latest = found.filter(is_later).or(latest);
        }
        latest
    }
}

/// How long before a conversion its person may have been seen with a browser or a click for the last time.
pub const SEEN_DAYS_MAX: u64 = 30;
/// A household has fewer browsers than this; what more of them show is a made-up address, or everybody's.
pub const TRAILS_MAX: usize = 16;
/// How late a conversion may become known.
pub const LATE_DAYS_MAX: u64 = 7;
/// How far back a touch or a sighting can count: the longest window, and as late as conversions may be.
pub const REACH_DAYS: u64 = 30 + LATE_DAYS_MAX;

#[cfg(test)]
mod tests;
