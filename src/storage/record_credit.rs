//! What a payload means: what follows a conversion's own layout where the conversion is of an event tag.
//!
//! As in [`record`](super::record), a layout never changes. A conversion whose credit was erased goes on as a plain one,
//! without any of this.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::record::{StoredConversion, StoredSubject, write_postcard};
use super::record_touch::{touch_code, touch_kind};
use crate::domain::attribution::{Credit, CreditKey, Windows};
use crate::domain::conversion::Conversion;
use crate::domain::id::{AccountId, CampaignId, EventId, LineItemId};
use crate::domain::link::{LinkName, Placement};
use crate::domain::opt_out::{SUBJECTS_MAX, Subjects};
use crate::domain::time::Timestamp;

/// What decided about a conversion's credit, and what came of it, in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredAttribution<'a> {
    click_days: u8,
    view_days: u8,
    #[serde(borrow)]
    credit: Option<StoredCredit<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredCredit<'a> {
    kind: u8,
    key: u8,
    touch_id: [u8; 16],
    touch_at_ms: u64,
    link: &'a str,
    campaign_id: u64,
    line_item_id: u64,
    others: [Option<StoredSubject>; SUBJECTS_MAX],
}

impl<'a> StoredAttribution<'a> {
    pub(super) fn lend(windows: Windows, credit: Option<&'a Credit>) -> Self {
        let credit = credit.map(|credit| StoredCredit {
            kind: touch_code(credit.kind),
            key: key_code(credit.key),
            touch_id: credit.touch_id.bytes(),
            touch_at_ms: credit.touch_at.0,
            link: credit.placement.link.as_str(),
            campaign_id: credit.placement.campaign_id.number(),
            line_item_id: credit.placement.line_item_id.number(),
            others: credit.others.map(|other| other.map(StoredSubject::lend)),
        });
        Self { click_days: windows.click_days, view_days: windows.view_days, credit }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    /// Puts what was stored with `conversion` back into it, and gives the credit. `None` if a field has a value that
    /// this version does not know.
    pub(super) fn take(self, conversion: &mut Conversion) -> Option<Option<Credit>> {
        conversion.windows = Some(Windows { click_days: self.click_days, view_days: self.view_days });
        match self.credit {
            None => Some(None),
            Some(credit) => credit.take(conversion.account_id).map(Some),
        }
    }

    /// On whom the credit rests besides those whom the conversion is about.
    fn others(self) -> Subjects {
        self.credit
            .map_or([None; SUBJECTS_MAX], |credit| credit.others.map(|other| other.map(StoredSubject::take)))
    }
}

impl StoredCredit<'_> {
    fn take(self, account_id: AccountId) -> Option<Credit> {
        let placement = Placement {
            account_id,
            link: LinkName::from_stored(self.link),
            campaign_id: CampaignId::from_number(self.campaign_id),
            line_item_id: LineItemId::from_number(self.line_item_id),
        };
        Some(Credit {
            kind: touch_kind(self.kind)?,
            key: CreditKey::ALL.into_iter().find(|&key| key_code(key) == self.key)?,
            touch_id: EventId::from_bytes(self.touch_id),
            touch_at: Timestamp(self.touch_at_ms),
            placement: Arc::new(placement),
            others: self.others.map(|other| other.map(StoredSubject::take)),
        })
    }
}

/// A stored conversion of an event tag: its own layout, and behind it this one.
pub(super) fn read_creditable(payload: &[u8]) -> Option<(StoredConversion<'_>, StoredAttribution<'_>)> {
    let (conversion, rest) = StoredConversion::read_first(payload)?;
    Some((conversion, postcard::from_bytes(rest).ok()?))
}

/// On whom the credit of the conversion in `payload` rests besides those whom it is about, and the payload of the plain
/// conversion that it is without the credit.
pub(super) fn without_credit(payload: &[u8]) -> Option<(Subjects, &[u8])> {
    let (_, rest) = StoredConversion::read_first(payload)?;
    let attribution: StoredAttribution<'_> = postcard::from_bytes(rest).ok()?;
    Some((attribution.others(), &payload[..payload.len() - rest.len()]))
}

/// Never renumber: these are on disks.
const fn key_code(key: CreditKey) -> u8 {
    match key {
        CreditKey::ClickId => 1,
        CreditKey::BrowserId => 2,
        CreditKey::HashedEmail => 3,
        CreditKey::HashedPhone => 4,
    }
}
