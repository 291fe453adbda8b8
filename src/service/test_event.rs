//! One event of a test, as its advertiser sees it: what it said, what became of it, and what could be better.
//!
//! Of identifiers it has the names, never the values.

use super::outcome::{Invalid, Outcome};
use super::tag_watch::Whose;
use crate::consent::evidence::Basis;
use crate::consent::gate::Permitted;
use crate::consent::policy::Regime;
use crate::domain::conversion::{Conversion, Identifiers, ShortText, Source};
use crate::domain::event::EventType;
use crate::domain::id::{EventId, EventTagId, PixelId};
use crate::domain::money::Money;
use crate::domain::page::PageAddress;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default)]
pub struct TestEvent {
    /// When it came in.
    pub at: Timestamp,
    pub source: Option<Source>,
    pub pixel_id: Option<PixelId>,
    pub event_tag_id: Option<EventTagId>,
    /// As it was sent, unless that names a person.
    pub name: Option<ShortText>,
    /// What that stands for.
    pub event: Option<EventType>,
    pub value: Option<Money>,
    /// The names of the identifiers that came along.
    pub match_keys: Vec<&'static str>,
    /// Of its page.
    pub origin: Option<String>,
    pub origin_ok: bool,
    /// Why it was permitted, where it was.
    pub permitted: Option<(Regime, Basis)>,
    pub outcome: TestOutcome,
    pub hints: Vec<Hint>,
}

/// What became of it, in the words of `Pixelgate-Outcome`.
#[derive(Debug, Clone, Default)]
pub struct TestOutcome {
    pub word: &'static str,
    pub reason: Option<&'static str>,
    /// A sentence for people.
    pub text: String,
    /// The id of the row that the log has.
    pub row: Option<EventId>,
}

macro_rules! hints {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// What could be better.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Hint {
            $($name,)*
        }

        impl Hint {
            /// A stable word for machines.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// A sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

hints! {
    NoEventId = "no-event-id", "There is neither an event id nor a conversion id: sent twice, it counts twice.";
    NoConversionId = "no-conversion-id", "There is no conversion id: sent twice, or by the pixel as well, it counts twice.";
    NoMatchKey = "no-match-key", "Nothing says who it was, so no ad can be credited with it.";
    Unidentified = "unidentified", "It was measured without its match keys: what the person permits does not go further.";
    ClearText = "clear-text", "An e-mail address or a phone number was no SHA-256 hash, and was dropped.";
    NoCurrency = "no-currency", "There is a value and no currency, so it counts as US dollars.";
    NoValue = "no-value", "It is a purchase without a value.";
    ForeignOrigin = "foreign-origin", "Its page is of none of the origins that are configured for the pixel.";
    UnknownEvent = "unknown-event", "Make an event tag for it, or send the name of one that there is.";
    UnknownPixel = "unknown-pixel", "Compare txn_id with the id of the pixel.";
}

/// What a drafted row does not say of how it was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) has_currency: bool,
    pub(super) has_email: bool,
    pub(super) has_phone: bool,
}

impl TestEvent {
    /// With nothing known but when and how it came, and whose it is.
    pub(super) fn new(at: Timestamp, source: Source, whose: Option<Whose>, name: Option<&str>) -> Self {
        Self {
            at,
            source: Some(source),
            pixel_id: whose.map(|whose| whose.pixel_id),
            event_tag_id: whose.and_then(|whose| whose.event_tag_id),
            name: name.and_then(ShortText::parse),
            origin_ok: true,
            ..Self::default()
        }
    }

    /// What a row for the log says, before the gate is asked.
    pub(super) fn note_draft(&mut self, draft: &Conversion, sent: Sent) {
        self.event = Some(draft.event);
        self.value = draft.value;
        self.match_keys = draft.identifiers.match_keys().collect();
        self.origin = draft.page.as_ref().map(PageAddress::origin).map(str::to_owned);
        self.origin_ok = draft.origin_ok;
        let identifiers = &draft.identifiers;
        let is_clear = |sent: bool, kept: bool| sent && !kept;
        let repeatable = draft.conversion_id.is_none() && draft.event_id.is_none();
        let hints = [
            (Hint::NoEventId, repeatable && draft.source == Source::Pixel),
            (Hint::NoConversionId, repeatable && draft.source == Source::Api),
            (Hint::NoMatchKey, *identifiers == Identifiers::default()),
            (
                Hint::ClearText,
                is_clear(sent.has_email, identifiers.hashed_email.is_some())
                    || is_clear(sent.has_phone, identifiers.hashed_phone.is_some()),
            ),
            (Hint::NoCurrency, draft.value.is_some() && !sent.has_currency),
            (Hint::NoValue, draft.value.is_none() && draft.event == EventType::Purchase),
            (Hint::ForeignOrigin, !draft.origin_ok),
        ];
        self.hints.extend(hints.into_iter().filter(|(_, counts)| *counts).map(|(hint, _)| hint));
    }

    /// What the gate let through.
    pub(super) fn note_permitted(&mut self, permitted: &Permitted<Conversion>) {
        let evidence = permitted.evidence();
        self.permitted = Some((evidence.regime, evidence.basis));
        if !self.match_keys.is_empty() && permitted.value().identifiers == Identifiers::default() {
            self.hints.push(Hint::Unidentified);
        }
    }

    #[must_use]
    pub(super) fn with_outcome(mut self, outcome: &Outcome) -> Self {
        self.outcome = TestOutcome {
            word: outcome.word(),
            reason: outcome.reason(),
            text: match outcome {
                Outcome::Stored { proof, .. } => {
                    format!("in the log, acknowledged at class {}", proof.ack().name())
                }
                _ => outcome.text(),
            },
            row: match outcome {
                Outcome::Stored { id, .. } | Outcome::Duplicate { id, .. } => Some(*id),
                _ => None,
            },
        };
        match outcome {
            Outcome::Invalid(Invalid::UnknownEvent) => self.hints.push(Hint::UnknownEvent),
            Outcome::Invalid(Invalid::NoTxnId | Invalid::BadTxnId | Invalid::UnknownTxnId) => {
                self.hints.push(Hint::UnknownPixel);
            }
            _ => {}
        }
        self
    }

    /// Of an item for the API that was only to be checked, and is good.
    #[must_use]
    pub(super) fn with_valid(mut self) -> Self {
        self.outcome = TestOutcome {
            word: "valid",
            text: "nothing speaks against it, and nothing was to be stored".to_owned(),
            ..TestOutcome::default()
        };
        self
    }

    /// Of an item for the API with a mistake in `field`.
    #[must_use]
    pub(super) fn with_mistake(mut self, field: &'static str, text: String) -> Self {
        self.outcome = TestOutcome { word: "invalid", reason: Some(field), text, row: None };
        self
    }
}

#[cfg(test)]
impl TestEvent {
    pub(super) fn at(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }
}
