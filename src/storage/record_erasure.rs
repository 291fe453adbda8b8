//! What a payload means: the stored layouts of erasures, and whom a frame is about.
//!
//! As in [`record`](super::record), a layout never changes.

use serde::{Deserialize, Serialize};

use super::digest::sha256;
use super::entry::EntryKind;
use super::frame::Frame;
use super::record::{
    BEGIN, CONCEALED, CONVERSION, CREDITABLE, EMBED_VIEW, ERASED, ERASURE, MATCH, OPT_OUT, SETTINGS, SKIP,
    StoredConversion, StoredOptOut, StoredSubject, TOUCH, UNMATCH, VERSION, write_postcard,
};
use super::record_embed::StoredEmbedView;
use super::record_match::{StoredMatch, StoredUnmatch};
use super::record_settings::StoredSettings;
use super::record_touch::StoredTouch;
use crate::domain::erasure::{Erasure, ErasureId};
use crate::domain::opt_out::Subject;
use crate::domain::time::Timestamp;

/// A stored erasure that is not done, in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredErasure {
    id: [u8; 16],
    at_ms: u64,
    subject: StoredSubject,
}

impl StoredErasure {
    pub(super) const fn lend(erasure: &Erasure) -> Self {
        Self { id: erasure.id.bytes(), at_ms: erasure.at.0, subject: StoredSubject::lend(erasure.subject) }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    pub(super) fn read(payload: &[u8]) -> Option<Erasure> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let id = ErasureId::from_bytes(stored.id);
        Some(Erasure { id, subject: stored.subject.take(), at: Timestamp(stored.at_ms) })
    }
}

/// A stored erasure that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredErased {
    id: [u8; 16],
    at_ms: u64,
    pub(super) erased_at_ms: u64,
    pub(super) rows: u64,
}

impl StoredErased {
    pub(super) const fn new(erasure: &Erasure, erased_at_ms: u64, rows: u64) -> Self {
        Self { id: erasure.id.bytes(), at_ms: erasure.at.0, erased_at_ms, rows }
    }

    /// The length of its longest payload: an id and three numbers.
    pub(super) const BYTES_MAX: usize = 16 + 3 * 10;

    pub(super) const fn id(&self) -> ErasureId {
        ErasureId::from_bytes(self.id)
    }

    pub(super) const fn at(&self) -> Timestamp {
        Timestamp(self.at_ms)
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        postcard::from_bytes(payload).ok()
    }
}

/// What stands for a subject where its identifier must not: the first half of a SHA-256.
pub(super) type SubjectDigest = [u8; 16];

pub(super) fn digest(subject: Subject) -> SubjectDigest {
    let mut bytes = DIGEST_OF.to_vec();
    write_postcard(&StoredSubject::lend(subject), &mut bytes);
    let mut half = SubjectDigest::default();
    half.copy_from_slice(&sha256(&bytes)[..16]);
    half
}

/// Keeps these digests apart from those that anybody else makes of the same identifiers. It is on disks.
const DIGEST_OF: &[u8] = b"pixelgate subject of an opt-out\0";

/// What a frame says about people.
pub(super) enum About {
    /// A page view, a conversion, a visit to a page with an embed, an ad touch, or a match or what takes one back.
    Row(EntryKind),
    /// An opt-out, or settings.
    Choice,
    Nobody,
}

/// What `frame` says about people; shows `is_one` the subjects that it is about until that is content. An erasure is
/// about nobody here. `None` if this version does not know the frame.
pub(super) fn about(frame: &Frame<'_>, mut is_one: impl FnMut(Subject) -> bool) -> Option<About> {
    match (frame.head.kind, frame.head.version) {
        // Whoever else a conversion is credited to has a part of it, and does not take all of it away.
        (CONVERSION | CREDITABLE, VERSION) => {
            let stored = StoredConversion::read(frame.payload)?;
            stored.subjects().into_iter().flatten().any(is_one);
            Some(About::Row(stored.kind()))
        }
        (EMBED_VIEW, VERSION) => {
            StoredEmbedView::subjects(frame.payload)?.into_iter().flatten().any(is_one);
            Some(About::Row(EntryKind::EmbedView))
        }
        (TOUCH, VERSION) => {
            StoredTouch::subjects(frame.payload)?.into_iter().flatten().any(is_one);
            Some(About::Row(EntryKind::Touch))
        }
        (MATCH, VERSION) => {
            StoredMatch::subjects(frame.payload)?.into_iter().flatten().any(is_one);
            Some(About::Row(EntryKind::Match))
        }
        (UNMATCH, VERSION) => {
            is_one(Subject::Browser(StoredUnmatch::read(frame.payload)?.browser_id));
            // It goes with what it takes back, which is older.
            Some(About::Row(EntryKind::Match))
        }
        (OPT_OUT, VERSION) => {
            is_one(StoredOptOut::read(frame.payload)?.subject);
            Some(About::Choice)
        }
        (SETTINGS, VERSION) => {
            is_one(Subject::SignedIn(StoredSettings::read(frame.payload)?.account));
            Some(About::Choice)
        }
        (BEGIN | SKIP, _) | (ERASURE | ERASED | CONCEALED, VERSION) => Some(About::Nobody),
        _ => None,
    }
}
