//! The stored layout of web-page visits with an embed.

use serde::{Deserialize, Serialize};

use super::record::{StoredEvidence, known, read_country, write_postcard};
use crate::consent::evidence::Evidence;
use crate::domain::conversion::Country;
use crate::domain::embed_view::EmbedView;
use crate::domain::id::{BrowserId, EventId};
use crate::domain::opt_out::{Subject, Subjects};
use crate::domain::page::PageAddress;
use crate::domain::time::Timestamp;

/// A stored visit in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredEmbedView<'a> {
    id: [u8; 16],
    at_ms: u64,
    page: &'a str,
    browser_id: Option<[u8; 16]>,
    country: Option<[u8; 2]>,
    evidence: StoredEvidence,
}

impl<'a> StoredEmbedView<'a> {
    pub(super) fn lend(view: &'a EmbedView, evidence: &Evidence) -> Self {
        Self {
            id: view.id.bytes(),
            at_ms: view.at.0,
            page: view.page.as_str(),
            browser_id: view.browser_id.map(BrowserId::bytes),
            country: view.country.map(Country::bytes),
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
    pub(super) fn read(payload: &'a [u8]) -> Option<(EmbedView, Evidence)> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let evidence = stored.evidence.take()?;
        let view = EmbedView {
            id: EventId::from_bytes(stored.id),
            at: Timestamp(stored.at_ms),
            page: PageAddress::from_stored(stored.page.to_owned()),
            browser_id: stored.browser_id.map(BrowserId::from_bytes),
            country: known(stored.country, read_country)?,
        };
        Some((view, evidence))
    }
}
