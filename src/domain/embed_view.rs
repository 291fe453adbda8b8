//! A visit to somebody's page that shows content of ours.

use super::conversion::Country;
use super::id::{BrowserId, EventId};
use super::page::PageAddress;
use super::time::Timestamp;

/// That a browser was on a page with an embed. Holds personal data in `browser_id` only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedView {
    pub id: EventId,
    pub at: Timestamp,
    pub page: PageAddress,
    /// `None` for a browser that shows no id; an embed gives it none.
    pub browser_id: Option<BrowserId>,
    pub country: Option<Country>,
}
