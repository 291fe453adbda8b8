//! What the match table is made of, as small as it goes: there are tens of millions of these.

use super::match_table::{CHANGES_PER_DAY_MAX, Matched};
use crate::domain::id::{BrowserId, HashedPartnerUserId, PartnerId};
use crate::domain::time::Timestamp;

/// What a row is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RowKey {
    browser_id: BrowserId,
    partner_id: PartnerId,
}

impl RowKey {
    pub(super) const fn new(partner_id: PartnerId, browser_id: BrowserId) -> Self {
        Self { browser_id, partner_id }
    }

    pub(super) const fn browser_id(&self) -> BrowserId {
        self.browser_id
    }

    pub(super) const fn partner_id(&self) -> PartnerId {
        self.partner_id
    }
}

/// What a partner calls a browser.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: RowKey,
    /// When it was last heard, in seconds since 1970.
    pub(super) at_s: u32,
    pub(super) partner_user_id: Box<str>,
    pub(super) is_verified: bool,
    /// Whether its evidence covers audiences.
    pub(super) is_for_audiences: bool,
    /// How often another id took the place of this one's on `changes_day`.
    pub(super) changes: u8,
    /// Days since 1970; enough until 2149.
    pub(super) changes_day: u16,
}

impl Row {
    pub(super) const fn at(&self) -> Timestamp {
        Timestamp(self.at_s as u64 * 1_000)
    }

    pub(super) fn matched(&self) -> Matched {
        Matched {
            partner_id: self.key.partner_id,
            partner_user_id: self.partner_user_id.clone(),
            at: self.at(),
            is_verified: self.is_verified,
        }
    }

    pub(super) const fn standing(&self) -> Standing {
        match self.is_verified {
            _ if self.changes >= CHANGES_PER_DAY_MAX => Standing::Quarantined,
            true => Standing::Verified,
            false => Standing::Unverified,
        }
    }

    /// `day` in days since 1970.
    pub(super) const fn changes_on(&self, day: u32) -> u8 {
        if self.changes_day as u32 == day { self.changes } else { 0 }
    }

    /// Takes over what `fresh` says, and gives the partner user id that it had.
    pub(super) fn replace(&mut self, fresh: Self, day: u32) -> Box<str> {
        let has_changed = self.partner_user_id != fresh.partner_user_id;
        let changes = self.changes_on(day).saturating_add(u8::from(has_changed));
        let is_verified = fresh.is_verified || (self.is_verified && !has_changed);
        let changes_day = u16::try_from(day).unwrap_or(u16::MAX);
        let old = std::mem::replace(self, Self { is_verified, changes, changes_day, ..fresh });
        old.partner_user_id
    }
}

/// How far a row is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The partner is known to have said so.
    Verified,
    /// Anybody could have.
    Unverified,
    /// Not at all: the browser has changed its id too often.
    Quarantined,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Verified, Self::Unverified, Self::Quarantined];

    /// For metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Quarantined => "quarantined",
        }
    }
}

/// How many rows there are of each standing. Each row counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCounts([usize; Standing::ALL.len()]);

impl RowCounts {
    pub const fn of(&self, standing: Standing) -> usize {
        self.0[standing as usize]
    }

    pub(super) fn change(&mut self, before: Option<Standing>, after: Option<Standing>) {
        if let Some(before) = before {
            self.0[before as usize] = self.0[before as usize].saturating_sub(1);
        }
        if let Some(after) = after {
            self.0[after as usize] += 1;
        }
    }
}

/// That a browser is called by a partner user id, found by half of the hash of that. The row says whether it still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) prefix: u64,
    pub(super) browser_id: BrowserId,
}

impl Claim {
    pub(super) fn new(partner_id: PartnerId, hash: HashedPartnerUserId, browser_id: BrowserId) -> Self {
        Self { prefix: Self::prefix(partner_id, hash), browser_id }
    }

    /// The start of the hash, with the partner's number in it.
    pub(super) fn prefix(partner_id: PartnerId, hash: HashedPartnerUserId) -> u64 {
        let mut start = [0; 8];
        start.copy_from_slice(&hash.bytes()[..8]);
        // An odd factor, so that no two partners share one.
        u64::from_le_bytes(start) ^ u64::from(partner_id.number()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

const _: () = assert!(size_of::<Row>() <= 48 && size_of::<Claim>() <= 24);
