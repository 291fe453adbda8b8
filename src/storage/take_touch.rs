//! How the writer takes an ad touch, and what it makes of touches for a conversion.

use super::entry::EntryKind;
use super::group::{Outcome, Round};
use super::metrics::Credited;
use super::record::{CONVERSION, CREDITABLE, StoredConversion, TOUCH};
use super::record_credit::StoredAttribution;
use super::record_touch::StoredTouch;
use super::writer::Writer;
use crate::consent::gate::Permitted;
use crate::consent::regulated::Regulated;
use crate::domain::attribution::credit_name;
use crate::domain::conversion::Conversion;
use crate::domain::time::Timestamp;
use crate::domain::touch::{Touch, TouchKind};

impl Writer {
    pub(super) fn take_touch(
        &mut self,
        round: &mut Round,
        at: usize,
        permitted: &Permitted<Touch>,
    ) -> Outcome {
        let touch = permitted.value();
        if self.is_unwanted(&touch.subjects(), touch.at) {
            return Outcome::OptedOut;
        }
        self.payload.clear();
        StoredTouch::lend(touch, permitted.evidence()).write(&mut self.payload);
        let needs_sync = round.batch(at).needs_sync;
        let outcome = self.place(round, EntryKind::Touch, TOUCH, needs_sync);
        if outcome == Outcome::Stored {
            // At once, as with keys: a conversion of the very same group may be credited to it.
            let learned = self.touches.insert(touch, permitted.evidence());
            self.group.note_learned(learned, needs_sync);
        }
        outcome
    }

    /// Puts the conversion into `self.payload`, with its credit where it is of an event tag; says as what kind of frame,
    /// and what kind of touch it is credited to.
    pub(super) fn write_conversion(&mut self, permitted: &Permitted<Conversion>) -> (u8, Option<TouchKind>) {
        let (conversion, evidence) = (permitted.value(), permitted.evidence());
        self.payload.clear();
        StoredConversion::lend(conversion, evidence).write(&mut self.payload);
        let Some(windows) = conversion.windows else { return (CONVERSION, None) };
        let credit = self.touches.credit(conversion, evidence, Timestamp(self.now_ms));
        StoredAttribution::lend(windows, credit.as_ref()).write(&mut self.payload);
        (CREDITABLE, credit.map(|credit| credit.kind))
    }

    /// The conversion is in the group: whom it shows with what counts for those behind it.
    pub(super) fn learn_from(
        &mut self,
        permitted: &Permitted<Conversion>,
        credited: Option<TouchKind>,
        needs_sync: bool,
    ) {
        if let Some(kind) = credited {
            self.metrics.credited.get_or_create(&Credited { credit: credit_name(kind) }).inc();
        }
        let learned = self.touches.note(permitted.value(), permitted.evidence());
        self.group.note_learned(learned, needs_sync);
    }
}
