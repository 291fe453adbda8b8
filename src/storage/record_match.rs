//! What a payload means: the stored layouts of cookie matches and of what takes them back.
//!
//! As in [`record`](super::record), a layout never changes.

use serde::{Deserialize, Serialize};

use super::digest::sha256;
use super::record::{StoredEvidence, known, read_country, write_postcard};
use crate::consent::evidence::Evidence;
use crate::domain::conversion::Country;
use crate::domain::id::{BrowserId, EventId, PartnerId};
use crate::domain::matching::{MatchProof, MatchScope, PartnerMatch, Unmatch};
use crate::domain::opt_out::{Subject, Subjects};
use crate::domain::partner::{PartnerListing, PartnerUserId};
use crate::domain::time::Timestamp;

/// A stored match in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredMatch<'a> {
    id: [u8; 16],
    at_ms: u64,
    partner_id: u32,
    partner_user_id: &'a str,
    browser_id: [u8; 16],
    scope: u8,
    proof: u8,
    nonce: Option<u64>,
    country: Option<[u8; 2]>,
    evidence: StoredEvidence,
}

impl<'a> StoredMatch<'a> {
    pub(super) fn lend(found: &'a PartnerMatch, evidence: &Evidence) -> Self {
        Self {
            id: found.id.bytes(),
            at_ms: found.at.0,
            partner_id: found.partner_id.number(),
            partner_user_id: found.partner_user_id.expose(),
            browser_id: found.browser_id.bytes(),
            scope: scope_code(found.scope),
            proof: proof_code(found.proof),
            nonce: match found.proof {
                MatchProof::State(nonce) => Some(nonce),
                MatchProof::Unsigned | MatchProof::Signed => None,
            },
            country: found.country.map(Country::bytes),
            evidence: StoredEvidence::lend(evidence),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    /// Who it is about.
    pub(super) fn subjects(payload: &'a [u8]) -> Option<Subjects> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let browser = Subject::Browser(BrowserId::from_bytes(stored.browser_id));
        let partner_user_id = stored.partner_user_id();
        let partner_user =
            Subject::PartnerUser(PartnerId::from_number(stored.partner_id), partner_user_id.hashed());
        Some([Some(browser), Some(partner_user), None])
    }

    /// `None` if it is cut short, or a field has a value that this version does not know.
    pub(super) fn read(payload: &'a [u8]) -> Option<(PartnerMatch, Evidence)> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let evidence = stored.evidence.take()?;
        let found = PartnerMatch {
            id: EventId::from_bytes(stored.id),
            at: Timestamp(stored.at_ms),
            partner_id: PartnerId::from_number(stored.partner_id),
            // Only the gate asks, and this was through it.
            listing: PartnerListing::Unlisted,
            partner_user_id: stored.partner_user_id(),
            browser_id: BrowserId::from_bytes(stored.browser_id),
            scope: MatchScope::ALL.into_iter().find(|&scope| scope_code(scope) == stored.scope)?,
            proof: proof(stored.proof, stored.nonce)?,
            country: known(stored.country, read_country)?,
        };
        Some((found, evidence))
    }

    fn partner_user_id(&self) -> PartnerUserId {
        PartnerUserId::from_stored(self.partner_user_id, sha256)
    }
}

/// A stored withdrawal of a match in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredUnmatch {
    at_ms: u64,
    partner_id: u32,
    browser_id: [u8; 16],
}

impl StoredUnmatch {
    pub(super) const fn lend(unmatch: &Unmatch) -> Self {
        Self {
            at_ms: unmatch.at.0,
            partner_id: unmatch.partner_id.number(),
            browser_id: unmatch.browser_id.bytes(),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    pub(super) fn read(payload: &[u8]) -> Option<Unmatch> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        Some(Unmatch {
            browser_id: BrowserId::from_bytes(stored.browser_id),
            partner_id: PartnerId::from_number(stored.partner_id),
            at: Timestamp(stored.at_ms),
        })
    }
}

/// Never renumber: these are on disks.
const fn scope_code(scope: MatchScope) -> u8 {
    match scope {
        MatchScope::Global => 1,
        MatchScope::Site => 2,
    }
}

const fn proof_code(proof: MatchProof) -> u8 {
    match proof {
        MatchProof::Unsigned => 1,
        MatchProof::State(_) => 2,
        MatchProof::Signed => 3,
    }
}

const fn proof(code: u8, nonce: Option<u64>) -> Option<MatchProof> {
    match (code, nonce) {
        (1, None) => Some(MatchProof::Unsigned),
        (2, Some(nonce)) => Some(MatchProof::State(nonce)),
        (3, None) => Some(MatchProof::Signed),
        _ => None,
    }
}
