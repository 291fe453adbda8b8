//! A cookie match: the two ids that we and a partner have for the same browser.

use super::conversion::Country;
use super::id::{BrowserId, EventId, PartnerId};
use super::partner::{PartnerListing, PartnerUserId};
use super::time::Timestamp;

/// A partner's id for a browser, on its way into the match table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerMatch {
    pub id: EventId,
    pub at: Timestamp,
    pub partner_id: PartnerId,
    /// By what consent is asked for it. Not stored: the evidence says that it was there.
    pub listing: PartnerListing,
    pub partner_user_id: PartnerUserId,
    pub browser_id: BrowserId,
    pub scope: MatchScope,
    pub proof: MatchProof,
    pub country: Option<Country>,
}

/// Where the browser shows the id that was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchScope {
    /// On every site.
    Global,
    /// On one site's pages only, because the browser keeps cookies apart for each: of no use anywhere else.
    Site,
}

impl MatchScope {
    pub const ALL: [Self; 2] = [Self::Global, Self::Site];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Site => "site",
        }
    }
}

/// How a match is known to come from the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchProof {
    /// It is not: anybody who knows the partner's number could have sent it.
    Unsigned,
    /// It brought back the state that the browser took to the partner, of this nonce. A state counts once.
    State(u64),
    /// The partner signed it.
    Signed,
}

impl MatchProof {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::State(_) => "state",
            Self::Signed => "signed",
        }
    }

    pub const fn is_verified(self) -> bool {
        !matches!(self, Self::Unsigned)
    }
}

/// Our id for a browser, on its way to a partner, which gets one of its own for each browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduction {
    pub browser_id: BrowserId,
    pub partner_id: PartnerId,
    pub listing: PartnerListing,
}

/// A partner's id is taken out of the match table: the partner, or the person, said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmatch {
    pub browser_id: BrowserId,
    pub partner_id: PartnerId,
    pub at: Timestamp,
}
