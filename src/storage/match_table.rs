//! The match table: which id a partner has for a browser, and which browsers a partner's id stands for.
//!
//! Memory only: a replay of the log rebuilds it. Rows of one site's scope are in the log and never in here.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::digest::sha256;
use super::match_rows::{Claim, Row, RowKey};
pub use super::match_rows::{RowCounts, Standing};
use crate::consent::activity::ActivityKind;
use crate::consent::evidence::Evidence;
use crate::domain::id::{BrowserId, HashedPartnerUserId, PartnerId};
use crate::domain::matching::{MatchScope, PartnerMatch};
use crate::domain::opt_out::Subject;
use crate::domain::time::{MS_PER_DAY, Timestamp};

/// Read by any thread, changed by the log's writer alone.
pub struct MatchTable {
    /// By browser and partner.
    rows: Vec<RwLock<HashTable<Row>>>,
    /// By partner and partner user id; each leads to a row.
    claims: Vec<RwLock<HashTable<Claim>>>,
    /// Of whom there ever was a row, and how many there are.
    partners: RwLock<Vec<(PartnerId, RowCounts)>>,
    /// Seeded at random: partners, and whoever sends unsigned matches, choose what is hashed.
    hasher: RandomState,
    len: AtomicUsize,
    /// Rows from before this second are past their time.
    keep_from_s: AtomicU32,
    /// The shard that is looked through next for such rows.
    expire_next: AtomicUsize,
    rows_max: usize,
}

/// What the table has of a browser and a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    pub partner_id: PartnerId,
    /// As the partner writes it.
    pub partner_user_id: Box<str>,
    /// When it was last heard, to the second.
    pub at: Timestamp,
    /// Whether the partner is known to have said so.
    pub is_verified: bool,
}

/// Somebody whom a partner may have put into an audience. Only the table makes one, of a row whose evidence covers that.
#[derive(Debug, PartialEq, Eq)]
pub struct Targetable {
    partner_id: PartnerId,
    hash: HashedPartnerUserId,
}

impl Targetable {
    pub const fn partner_id(&self) -> PartnerId {
        self.partner_id
    }

    /// By which the partner's id is found again.
    pub const fn hashed(&self) -> HashedPartnerUserId {
        self.hash
    }
}

/// Why a match is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchRejection {
    /// The state has brought a match before.
    StateUsed,
    /// [`BROWSERS_PER_ID_MAX`] browsers have claimed this partner user id within [`CLAIM_DAYS`].
    TooManyBrowsers,
    /// The browser has had [`CHANGES_PER_DAY_MAX`] other ids of this partner today.
    TooManyChanges,
    /// The partner itself has said otherwise before, and this could be anybody.
    VerifiedBefore,
    /// The table has all the rows that it may have.
    TableFull,
}

impl MatchRejection {
    pub const ALL: [Self; 5] =
        [Self::StateUsed, Self::TooManyBrowsers, Self::TooManyChanges, Self::VerifiedBefore, Self::TableFull];

    pub const fn is_used_state(self) -> bool {
        matches!(self, Self::StateUsed)
    }

    /// A stable word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::StateUsed => "state-used",
            Self::TooManyBrowsers => "too-many-browsers",
            Self::TooManyChanges => "too-many-changes",
            Self::VerifiedBefore => "verified-before",
            Self::TableFull => "match-table-full",
        }
    }

    /// A sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::StateUsed => "the state has brought a match before",
            Self::TooManyBrowsers => "too many browsers have shown this partner user id",
            Self::TooManyChanges => "the browser has had too many ids of this partner today",
            Self::VerifiedBefore => "the partner itself has said otherwise before",
            Self::TableFull => "the match table has all the rows that it may have",
        }
    }
}

/// A household has fewer browsers than this; who shows one id in more of them makes it up, or gives everybody the same.
pub const BROWSERS_PER_ID_MAX: usize = 16;
/// For how long a browser that shows an id counts.
pub const CLAIM_DAYS: u64 = 30;
/// How often a browser may come with another id of the same partner within one day (UTC).
pub const CHANGES_PER_DAY_MAX: u8 = 3;
/// What has not changed is noted again after this time at the earliest.
const REFRESH_AFTER_S: u32 = 86_400;

/// What the table makes of a match before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    Store,
    /// The table says so already, since less than a day.
    Known,
    Rejected(MatchRejection),
}

impl MatchTable {
    pub(super) fn new(rows_max: usize) -> Self {
        Self {
            rows: std::iter::repeat_with(RwLock::default).take(SHARDS).collect(),
            claims: std::iter::repeat_with(RwLock::default).take(SHARDS).collect(),
            partners: RwLock::default(),
            hasher: RandomState::default(),
            len: AtomicUsize::new(0),
            keep_from_s: AtomicU32::new(0),
            expire_next: AtomicUsize::new(0),
            rows_max,
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows each partner has.
    pub fn rows_of_partners(&self) -> Vec<(PartnerId, RowCounts)> {
        self.partners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the partner calls the browser. `None` as well while the browser changes its id too often to be believed.
    pub fn get(&self, partner_id: PartnerId, browser_id: BrowserId) -> Option<Matched> {
        self.look(partner_id, browser_id, |row| self.is_current(row).then(|| row.matched()))
    }

    /// When the partner's id for the browser was last heard.
    pub fn heard_at(&self, partner_id: PartnerId, browser_id: BrowserId) -> Option<Timestamp> {
        self.look(partner_id, browser_id, |row| self.is_current(row).then(|| row.at()))
    }

    /// What all partners call the browser, in the order of their numbers.
    pub fn of_browser(&self, browser_id: BrowserId) -> Vec<Matched> {
        let mut partners: Vec<_> = self.rows_of_partners().into_iter().map(|(id, _)| id).collect();
        partners.sort_unstable();
        partners.into_iter().filter_map(|partner_id| self.get(partner_id, browser_id)).collect()
    }

    /// The browsers that the partner calls so; none if they are too many to be believed.
    pub fn browsers_of(&self, partner_id: PartnerId, partner_user_id: &str) -> Vec<BrowserId> {
        let hash = HashedPartnerUserId::from_bytes(sha256(partner_user_id.as_bytes()));
        let claiming = self.claiming(partner_id, hash);
        let believed = claiming.into_iter().filter(|browser_id| {
            self.look(partner_id, *browser_id, |row| {
                Some(self.is_current(row) && *row.partner_user_id == *partner_user_id)
            })
            .unwrap_or(false)
        });
        let believed: Vec<_> = believed.collect();
        if believed.len() < BROWSERS_PER_ID_MAX { believed } else { Vec::new() }
    }

    /// Shows `take` every row of a partner, in no order. Rows that change meanwhile may be shown or not.
    pub fn for_each(&self, partner_id: PartnerId, mut take: impl FnMut(BrowserId, Matched)) {
        for shard in &self.rows {
            let rows = read(shard);
            let theirs = rows.iter().filter(|row| row.key.partner_id() == partner_id);
            theirs
                .filter(|row| self.is_current(row))
                .for_each(|row| take(row.key.browser_id(), row.matched()));
        }
    }

    /// Whether an id of the partner may be in audiences: the partner itself has named a browser so, and the person let us
    /// use that for audiences.
    pub fn find_targetable(&self, partner_id: PartnerId, hash: HashedPartnerUserId) -> Option<Targetable> {
        let may = |row: &Row| {
            let is_it = self.is_current(row) && sha256(row.partner_user_id.as_bytes()) == hash.bytes();
            is_it.then_some(row.is_verified && row.is_for_audiences)
        };
        let claiming = self.claiming(partner_id, hash).into_iter();
        let named: Vec<_> =
            claiming.filter_map(|browser_id| self.look(partner_id, browser_id, may)).collect();
        let is_believed = named.len() < BROWSERS_PER_ID_MAX && named.contains(&true);
        is_believed.then_some(Targetable { partner_id, hash })
    }

    /// What becomes of `found` at `now`, as far as the table goes.
    pub(super) fn judge(&self, found: &PartnerMatch, evidence: &Evidence, now: Timestamp) -> Judged {
        if found.scope == MatchScope::Site {
            return Judged::Store;
        }
        let verified = found.proof.is_verified();
        let known = self.look(found.partner_id, found.browser_id, |row| {
            let same = *row.partner_user_id == *found.partner_user_id.expose();
            let adds_nothing =
                row.is_verified >= verified && row.is_for_audiences == is_for_audiences(evidence);
            Some((same, row.is_verified, row.at_s, row.changes_on(now.day()), adds_nothing))
        });
        match known {
            Some((true, _, at_s, _, adds_nothing)) => {
                let is_recent = seconds(now).saturating_sub(at_s) < REFRESH_AFTER_S;
                if is_recent && adds_nothing { Judged::Known } else { Judged::Store }
            }
            Some((false, true, ..)) if !verified => Judged::Rejected(MatchRejection::VerifiedBefore),
            Some((false, .., changes, _)) if changes >= CHANGES_PER_DAY_MAX => {
                Judged::Rejected(MatchRejection::TooManyChanges)
            }
            None if self.len() >= self.rows_max => Judged::Rejected(MatchRejection::TableFull),
            Some((false, ..)) | None if self.is_crowded(found, now) => {
                Judged::Rejected(MatchRejection::TooManyBrowsers)
            }
            Some((false, ..)) | None => Judged::Store,
        }
    }

    /// Whether as many browsers as may show the id do so already.
    fn is_crowded(&self, found: &PartnerMatch, now: Timestamp) -> bool {
        let since_s = seconds(Timestamp(now.0.saturating_sub(CLAIM_DAYS * MS_PER_DAY)));
        let others = self.claiming(found.partner_id, found.partner_user_id.hashed()).into_iter();
        let counting = others.filter(|browser_id| {
            let is_recent = |row: &Row| Some(row.at_s >= since_s);
            *browser_id != found.browser_id
                && self.look(found.partner_id, *browser_id, is_recent).unwrap_or(false)
        });
        counting.count() >= BROWSERS_PER_ID_MAX
    }

    /// Takes in a match that is in the log.
    pub(super) fn insert(&self, found: &PartnerMatch, evidence: &Evidence, now: Timestamp) {
        if found.scope == MatchScope::Site {
            return;
        }
        let key = RowKey::new(found.partner_id, found.browser_id);
        let fresh = Row {
            key,
            at_s: seconds(now),
            partner_user_id: found.partner_user_id.expose().into(),
            is_verified: found.proof.is_verified(),
            is_for_audiences: is_for_audiences(evidence),
            changes: 0,
            changes_day: 0,
        };
        let hash = self.hash(&key);
        let (replaced, standings) = {
            let mut rows = write(&self.rows[shard(hash)]);
            match rows.find_mut(hash, |row| row.key == key) {
                Some(row) => {
                    let before = row.standing();
                    (Some(row.replace(fresh, now.day())), (Some(before), row.standing()))
                }
                None => {
                    let standing = fresh.standing();
                    rows.insert_unique(hash, fresh, |row| self.hash(&row.key));
                    (None, (None, standing))
                }
            }
        };
        self.count(found.partner_id, standings.0, Some(standings.1));
        let claim = Claim::new(found.partner_id, found.partner_user_id.hashed(), found.browser_id);
        match replaced {
            Some(old) if *old == *found.partner_user_id.expose() => return,
            Some(old) => self.drop_claim(self.claim_of(key, &old)),
            None => {}
        }
        let hash = self.hash(&claim.prefix);
        write(&self.claims[shard(hash)]).insert_unique(hash, claim, |claim| self.hash(&claim.prefix));
    }

    /// Says whether there was one.
    pub(super) fn remove(&self, partner_id: PartnerId, browser_id: BrowserId) -> bool {
        let key = RowKey::new(partner_id, browser_id);
        let hash = self.hash(&key);
        let removed = match write(&self.rows[shard(hash)]).find_entry(hash, |row| row.key == key) {
            Ok(found) => found.remove().0,
            Err(_) => return false,
        };
        self.drop_claim(self.claim_of(key, &removed.partner_user_id));
        self.count(partner_id, Some(removed.standing()), None);
        true
    }

    /// Everything about somebody goes.
    pub(super) fn remove_subject(&self, subject: Subject) {
        match subject {
            Subject::Browser(browser_id) => {
                for (partner_id, _) in self.rows_of_partners() {
                    self.remove(partner_id, browser_id);
                }
            }
            Subject::PartnerUser(partner_id, hash) => {
                for browser_id in self.claiming(partner_id, hash) {
                    let is_it = |row: &Row| Some(sha256(row.partner_user_id.as_bytes()) == hash.bytes());
                    if self.look(partner_id, browser_id, is_it).unwrap_or(false) {
                        self.remove(partner_id, browser_id);
                    }
                }
            }
            Subject::Device(_) | Subject::Email(_) | Subject::Phone(_) | Subject::SignedIn(_) => {}
        }
    }

    /// From here on rows from before `before` are not shown. Takes those of one shard out, so that this never takes long.
    pub(super) fn expire_some(&self, before: Timestamp) {
        let keep_from_s = seconds(before);
        self.keep_from_s.store(keep_from_s, Ordering::Relaxed);
        let at = self.expire_next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let old: Vec<RowKey> = {
            let rows = read(&self.rows[at]);
            rows.iter().filter(|row| row.at_s < keep_from_s).map(|row| row.key).collect()
        };
        for key in old {
            self.remove(key.partner_id(), key.browser_id());
        }
    }

    fn is_current(&self, row: &Row) -> bool {
        row.at_s >= self.keep_from_s.load(Ordering::Relaxed) && row.standing() != Standing::Quarantined
    }

    fn look<T>(
        &self,
        partner_id: PartnerId,
        browser_id: BrowserId,
        look: impl FnOnce(&Row) -> Option<T>,
    ) -> Option<T> {
        let key = RowKey::new(partner_id, browser_id);
        let hash = self.hash(&key);
        read(&self.rows[shard(hash)]).find(hash, |row| row.key == key).and_then(look)
    }

    /// The browsers that may have this partner user id; half of its hash says so.
    fn claiming(&self, partner_id: PartnerId, hash: HashedPartnerUserId) -> Vec<BrowserId> {
        let prefix = Claim::prefix(partner_id, hash);
        let hash = self.hash(&prefix);
        let claims = read(&self.claims[shard(hash)]);
        let found = claims.iter_hash(hash).filter(|claim| claim.prefix == prefix);
        found.map(|claim| claim.browser_id).collect()
    }

    fn claim_of(&self, key: RowKey, partner_user_id: &str) -> Claim {
        let hash = HashedPartnerUserId::from_bytes(sha256(partner_user_id.as_bytes()));
        Claim::new(key.partner_id(), hash, key.browser_id())
    }

    fn drop_claim(&self, claim: Claim) {
        let hash = self.hash(&claim.prefix);
        if let Ok(found) = write(&self.claims[shard(hash)]).find_entry(hash, |known| *known == claim) {
            found.remove();
        }
    }

    /// A row of the partner changed from one standing to another, came, or went.
    fn count(&self, partner_id: PartnerId, before: Option<Standing>, after: Option<Standing>) {
        if before == after {
            return;
        }
        let change = isize::from(after.is_some()) - isize::from(before.is_some());
        self.len.store(self.len().saturating_add_signed(change), Ordering::Relaxed);
        let mut partners = write(&self.partners);
        match partners.iter_mut().find(|(id, _)| *id == partner_id) {
            Some((_, counts)) => counts.change(before, after),
            None => {
                let mut counts = RowCounts::default();
                counts.change(before, after);
                partners.push((partner_id, counts));
            }
        }
    }

    fn hash(&self, key: &impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(key)
    }
}

const fn is_for_audiences(evidence: &Evidence) -> bool {
    evidence.activities.contains(ActivityKind::Audience)
}

/// Whole seconds since 1970; enough until 2106.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.0 / 1_000).unwrap_or(u32::MAX)
}

/// The high bits: a table takes its bucket from the low ones.
const fn shard(hash: u64) -> usize {
    (hash >> 48) as usize % SHARDS
}

const SHARDS: usize = 256;

// Nothing in the critical sections leaves half a change behind.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
