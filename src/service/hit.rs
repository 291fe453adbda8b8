//! One request to the pixel as the use case sees it: who sent it, and what it says.

use std::borrow::Cow;

use super::identity::Known;
use crate::consent::signals::Signals;
use crate::domain::id::BrowserId;
use crate::domain::time::Timestamp;

/// One request to the pixel, before any decision: texts as they came, decoded once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PixelHit<'q> {
    /// `txn_id`: a pixel id, an event tag id, or `tw-<pixel>-<event tag>`.
    pub txn_id: Option<Cow<'q, str>>,
    /// `p_id`, unless it names the advertiser's own hits.
    pub partner: Option<Cow<'q, str>>,
    /// `events` of `/i/adsct`, `event` of `/1/i/adsct`; `None` where they are not the JSON that they should be.
    pub events: Option<Vec<HitEvent<'q>>>,
    pub event_id: Option<Cow<'q, str>>,
    /// What the parameters say beside `events`; used where an event does not say it itself.
    pub common: EventDetails<'q>,
    pub click_id: Option<Cow<'q, str>>,
    /// The page's whole address, or the best that there is.
    pub page: Option<Cow<'q, str>>,
    pub restricted_data_use: bool,
}

/// One event of a hit.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HitEvent<'q> {
    /// `None`: whatever `txn_id` stands for.
    pub name: Option<Cow<'q, str>>,
    pub details: EventDetails<'q>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EventDetails<'q> {
    pub value: Option<Cow<'q, str>>,
    pub currency: Option<Cow<'q, str>>,
    pub quantity: Option<Cow<'q, str>>,
    pub conversion_id: Option<Cow<'q, str>>,
    pub hashed_email: Option<Cow<'q, str>>,
    pub hashed_phone: Option<Cow<'q, str>>,
}

/// Who sent a hit, as far as the request shows.
#[derive(Debug)]
pub struct Visitor<'q> {
    /// When the hit came.
    pub at: Timestamp,
    pub signals: Signals<'q>,
    pub browser: Browser,
    /// Whether the id is one that the browser shows on all sites, and not on one.
    pub has_shared_id: bool,
}

impl Browser {
    /// The one id that is used.
    pub const fn id(&self) -> Option<BrowserId> {
        match self {
            Self::Known(known) => Some(known.cookie.browser_id),
            Self::New | Self::Ambiguous => None,
        }
    }
}

/// What the request's cookies say about the browser.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    #[default]
    New,
    Known(Known),
    /// Two valid ids that differ: neither is used.
    Ambiguous,
}
