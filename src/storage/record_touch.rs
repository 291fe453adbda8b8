//! What a payload means: the stored layout of ad touches.
//!
//! As in [`record`](super::record), a layout never changes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::record::{StoredEvidence, known, read_country, write_postcard};
use crate::consent::evidence::Evidence;
use crate::domain::conversion::Country;
use crate::domain::id::{AccountId, BrowserId, CampaignId, EventId, LineItemId};
use crate::domain::link::{LinkName, Placement};
use crate::domain::opt_out::{Subject, Subjects};
use crate::domain::time::Timestamp;
use crate::domain::touch::{IssuedClickId, Touch, TouchKind};

/// A stored touch in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredTouch<'a> {
    id: [u8; 16],
    at_ms: u64,
    kind: u8,
    account_id: u64,
    link: &'a str,
    campaign_id: u64,
    line_item_id: u64,
    browser_id: Option<[u8; 16]>,
    click_id: Option<[u8; 16]>,
    country: Option<[u8; 2]>,
    evidence: StoredEvidence,
}

impl<'a> StoredTouch<'a> {
    pub(super) fn lend(touch: &'a Touch, evidence: &Evidence) -> Self {
        let placement = &touch.placement;
        Self {
            id: touch.id.bytes(),
            at_ms: touch.at.0,
            kind: touch_code(touch.kind),
            account_id: placement.account_id.number(),
            link: placement.link.as_str(),
            campaign_id: placement.campaign_id.number(),
            line_item_id: placement.line_item_id.number(),
            browser_id: touch.browser_id.map(BrowserId::bytes),
            click_id: touch.click_id.map(IssuedClickId::bytes),
            country: touch.country.map(Country::bytes),
            evidence: StoredEvidence::lend(evidence),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    /// Who it is about.
    pub(super) fn subjects(payload: &'a [u8]) -> Option<Subjects> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        Some([stored.browser_id.map(|id| Subject::Browser(BrowserId::from_bytes(id))), None, None])
    }

    /// `None` if it is cut short, or a field has a value that this version does not know.
    pub(super) fn read(payload: &'a [u8]) -> Option<(Touch, Evidence)> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let evidence = stored.evidence.take()?;
        let placement = Placement {
            account_id: AccountId::from_number(stored.account_id),
            link: LinkName::from_stored(stored.link),
            campaign_id: CampaignId::from_number(stored.campaign_id),
            line_item_id: LineItemId::from_number(stored.line_item_id),
        };
        let touch = Touch {
            id: EventId::from_bytes(stored.id),
            at: Timestamp(stored.at_ms),
            kind: touch_kind(stored.kind)?,
            placement: Arc::new(placement),
            browser_id: stored.browser_id.map(BrowserId::from_bytes),
            click_id: stored.click_id.map(IssuedClickId::from_bytes),
            country: known(stored.country, read_country)?,
        };
        Some((touch, evidence))
    }
}

/// Never renumber: these are on disks.
pub(super) const fn touch_code(kind: TouchKind) -> u8 {
    match kind {
        TouchKind::View => 1,
        TouchKind::Click => 2,
    }
}

pub(super) fn touch_kind(code: u8) -> Option<TouchKind> {
    TouchKind::ALL.into_iter().find(|&kind| touch_code(kind) == code)
}
