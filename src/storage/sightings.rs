//! Who was seen with which browsers and clicks, for as long as that can count for a credit.
//!
//! Memory only: a replay of the log rebuilds it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::attribution::{Person, Shown, Sighting, Trail};
use crate::domain::id::{AccountId, BrowserId, HashedEmail};
use crate::domain::opt_out::Subject;
use crate::domain::time::Timestamp;

/// Trees, because they grow without ever moving all that they hold at once.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    spans: BTreeMap<Shown, Span>,
    /// By whom else it is about than the person.
    owners: BTreeSet<(Owner, Shown)>,
    /// By the last time.
    ages: BTreeSet<(Timestamp, Shown)>,
}

/// When it was shown for the first and the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    first: Timestamp,
    last: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Browser(BrowserId),
    Beside(Person),
}

impl Sightings {
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Gives what was known of it before.
    pub(super) fn see(&mut self, shown: Shown, at: Timestamp) -> Option<Span> {
        let before = self.spans.get(&shown).copied();
        let span = before.map_or(Span { first: at, last: at }, |before| Span {
            first: before.first.min(at),
            last: before.last.max(at),
        });
        self.set(shown, Some(span));
        before
    }

    /// Puts back what was known of it.
    pub(super) fn set(&mut self, shown: Shown, span: Option<Span>) {
        let before = match span {
            Some(span) => self.spans.insert(shown, span),
            None => self.spans.remove(&shown),
        };
        if let Some(before) = before {
            self.ages.remove(&(before.last, shown));
        }
        if let Some(span) = span {
            self.ages.insert((span.last, shown));
            self.owners.extend(owners(shown).map(|owner| (owner, shown)));
        } else {
            owners(shown).for_each(|owner| _ = self.owners.remove(&(owner, shown)));
        }
    }

    pub(super) fn of(&self, person: Person, account_id: AccountId) -> impl Iterator<Item = Sighting> {
        let theirs = self.spans.range(first_of(person, account_id)..);
        let theirs =
            theirs.take_while(move |(shown, _)| (shown.person, shown.account_id) == (person, account_id));
        theirs.map(|(shown, span)| Sighting { shown: *shown, first: span.first, last: span.last })
    }

    /// All that is about `subject` is gone from here on.
    pub(super) fn forget(&mut self, subject: Subject) {
        match subject {
            Subject::Browser(browser_id) => self.forget_owner(Owner::Browser(browser_id)),
            Subject::Email(email) => self.forget_person(Person::Email(email)),
            Subject::Phone(phone) => self.forget_person(Person::Phone(phone)),
            Subject::Device(_) | Subject::PartnerUser(..) | Subject::SignedIn(_) => {}
        }
    }

    fn forget_owner(&mut self, owner: Owner) {
        let first = first_of(FIRST_PERSON, FIRST_ACCOUNT);
        let theirs = self.owners.range((owner, first)..).take_while(|(known, _)| *known == owner);
        let theirs: Vec<_> = theirs.map(|(_, shown)| *shown).collect();
        theirs.into_iter().for_each(|shown| self.set(shown, None));
    }

    fn forget_person(&mut self, person: Person) {
        let theirs = self.spans.range(first_of(person, FIRST_ACCOUNT)..).map(|(shown, _)| *shown);
        let theirs: Vec<_> = theirs.take_while(|shown| shown.person == person).collect();
        theirs.into_iter().for_each(|shown| self.set(shown, None));
        self.forget_owner(Owner::Beside(person));
    }

    /// Whether the one that was seen last the longest time ago was seen before `earliest`, or is one too many; then it
    /// is forgotten.
    pub(super) fn forget_oldest(&mut self, earliest: Timestamp, len_max: usize) -> bool {
        let is_due = |(last, _): &&(Timestamp, Shown)| *last < earliest || self.spans.len() > len_max;
        let Some((_, shown)) = self.ages.first().filter(is_due).copied() else { return false };
        self.set(shown, None);
        true
    }
}

fn owners(shown: Shown) -> impl Iterator<Item = Owner> {
    let browser_id = match shown.trail {
        Trail::Browser(browser_id) => Some(browser_id),
        Trail::Click(_) => shown.via,
    };
    [browser_id.map(Owner::Browser), shown.beside.map(Owner::Beside)].into_iter().flatten()
}

const fn first_of(person: Person, account_id: AccountId) -> Shown {
    let trail = Trail::Browser(BrowserId::from_bytes([0; 16]));
    Shown { person, account_id, trail, via: None, beside: None }
}

const FIRST_ACCOUNT: AccountId = AccountId::from_number(0);
const FIRST_PERSON: Person = Person::Email(HashedEmail::from_bytes([0; 32]));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::HashedPhone;
    use crate::domain::touch::IssuedClickId;

    fn phone(number: u8) -> Person {
        Person::Phone(HashedPhone::from_bytes([number; 32]))
    }

    fn shown(person: u8, account: u64, browser: u8) -> Shown {
        let trail = Trail::Browser(BrowserId::from_bytes([browser; 16]));
        Shown { trail, ..first_of(phone(person), AccountId::from_number(account)) }
    }

    #[test]
    fn what_was_seen_is_forgotten_from_both_ends_and_by_its_age() {
        let mut sightings = Sightings::default();
        for (number, at) in [(1, 10), (2, 20), (3, 30)] {
            assert_eq!(sightings.see(shown(1, 1, number), Timestamp(at)), None);
            sightings.see(shown(number, 2, 9), Timestamp(at));
        }
        assert_eq!((sightings.len(), sightings.of(phone(1), AccountId::from_number(1)).count()), (6, 3));
        sightings.forget(Subject::Browser(BrowserId::from_bytes([9; 16])));
        assert_eq!(sightings.len(), 3);
        assert!(!sightings.forget_oldest(Timestamp(10), 3) && sightings.forget_oldest(Timestamp(11), 3));
        assert!(sightings.forget_oldest(Timestamp(0), 1) && !sightings.forget_oldest(Timestamp(0), 1));
        sightings.forget(Subject::Phone(HashedPhone::from_bytes([1; 32])));
        assert!(sightings.len() == 0 && sightings.ages.is_empty() && sightings.owners.is_empty());
    }

    #[test]
    fn what_is_put_back_is_as_it_was() {
        let mut sightings = Sightings::default();
        let shown = shown(1, 1, 1);
        sightings.see(shown, Timestamp(10));
        let before = sightings.see(shown, Timestamp(30));
        sightings.see(shown, Timestamp(5));
        sightings.set(shown, before);
        let only: Vec<_> = sightings.of(shown.person, shown.account_id).collect();
        assert_eq!(only, [Sighting { shown, first: Timestamp(10), last: Timestamp(10) }]);
        assert_eq!(sightings.ages.len(), 1);
    }
    #[test]
    fn what_rows_have_shown_goes_with_anybody_whom_they_are_about() {
        let browser_id = BrowserId::from_bytes([4; 16]);
        let of_all = Shown {
            trail: Trail::Click(IssuedClickId::from_bytes([5; 16])),
            via: Some(browser_id),
            beside: Some(phone(6)),
            ..shown(1, 1, 1)
        };
        let Person::Phone(hash) = phone(6) else { unreachable!("it is a number") };
        let Person::Phone(own) = phone(1) else { unreachable!("it is a number") };
        for subject in [Subject::Browser(browser_id), Subject::Phone(hash), Subject::Phone(own)] {
            let mut sightings = Sightings::default();
            sightings.see(of_all, Timestamp(1));
            sightings.see(shown(2, 1, 2), Timestamp(1));
            sightings.forget(subject);
            assert_eq!((sightings.len(), sightings.owners.len(), sightings.ages.len()), (1, 1, 1));
        }
    }
}
