//! What became of one hit; exactly one of these each.

use std::fmt;

use crate::consent::refusal::Refusal;
use crate::domain::conversion::Source;
use crate::domain::id::EventId;
use crate::domain::money::InvalidMoney;
use crate::domain::partner::InvalidPartnerUserId;
use crate::storage::durable::Durable;
use crate::storage::log::{AppendError, Appended};
use crate::storage::match_table::MatchRejection;

/// The end of one hit. Prints as the answer's `Pixelgate-Outcome`.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In the log, as safe as the proof says.
    Stored {
        id: EventId,
        proof: Durable,
    },
    /// In the log already, under this id.
    Duplicate {
        id: EventId,
        /// How that came in.
        source: Source,
    },
    /// The match table says so already.
    Known,
    /// The match table does not take it.
    Rejected(MatchRejection),
    Refused(Refusal),
    Invalid(Invalid),
    /// More was waiting than may wait; nothing was stored.
    Overloaded,
    /// The partner sends more than it may; nothing was stored.
    OverPartnerLimit,
    /// The disk took nothing.
    Unavailable,
}

impl Outcome {
    /// What the log's answer about the entry `id` means for its hit.
    pub fn of_append(id: EventId, appended: Result<Appended, AppendError>) -> Self {
        match appended {
            Ok(Appended::Stored(proof)) => Self::Stored { id, proof },
            Ok(Appended::Duplicate { id, source }) => Self::Duplicate { id, source },
            Ok(Appended::Known) => Self::Known,
            Ok(Appended::Rejected(reason)) => Self::Rejected(reason),
            Ok(Appended::OptedOut) => Self::Refused(Refusal::OptedOut),
            Err(AppendError::Overloaded) => Self::Overloaded,
            Err(AppendError::Unavailable) => Self::Unavailable,
        }
    }

    /// Whether the sender may try again later and succeed.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Overloaded | Self::OverPartnerLimit | Self::Unavailable)
    }

    /// Whether the log has the event.
    pub const fn is_kept(&self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Duplicate { .. } | Self::Known)
    }

    /// The first word of what is told.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Stored { .. } => "stored",
            Self::Duplicate { .. } | Self::Known => "duplicate",
            Self::Refused(Refusal::Speculative) => "speculative",
            Self::Refused(Refusal::Crawler) => "bot",
            Self::Refused(_) => "suppressed",
            Self::Invalid(_) | Self::Rejected(_) => "invalid",
            Self::Overloaded | Self::OverPartnerLimit | Self::Unavailable => "overloaded",
        }
    }

    /// A sentence for people.
    pub fn text(&self) -> String {
        match self {
            Self::Stored { proof, .. } => format!("stored, acknowledged at class {}", proof.ack().name()),
            Self::Duplicate { .. } => "the same event is stored already".to_owned(),
            Self::Known => "the match table says so already".to_owned(),
            Self::Rejected(reason) => reason.text().to_owned(),
            Self::Refused(reason) => reason.text().to_owned(),
            Self::Invalid(reason) => reason.text().to_owned(),
            Self::Overloaded => "too much is waiting; try again later".to_owned(),
            Self::OverPartnerLimit => "the partner sends more than it may; try again later".to_owned(),
            Self::Unavailable => "the disk takes nothing now; try again later".to_owned(),
        }
    }

    /// The word after `reason=`, where there is one.
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Refused(reason) => Some(reason.code()),
            Self::Invalid(reason) => Some(reason.code()),
            Self::OverPartnerLimit => Some("partner-limit"),
            Self::Unavailable => Some("disk"),
            Self::Rejected(reason) => Some(reason.code()),
            Self::Stored { .. } | Self::Duplicate { .. } | Self::Known | Self::Overloaded => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_onto(&mut text);
        f.write_str(&text)
    }
}

impl Outcome {
    /// Appends what `Display` prints. Each answer carries it, and formatting would cost ten times as much.
    pub fn push_onto(&self, text: &mut String) {
        match self {
            Self::Stored { id, proof } => {
                text.push_str("stored; id=");
                id.push_onto(text);
                text.push_str("; ack=");
                text.push_str(proof.ack().name());
            }
            Self::Duplicate { id, .. } => {
                text.push_str("duplicate; id=");
                id.push_onto(text);
            }
            Self::Known => text.push_str("duplicate"),
            Self::Rejected(reason) => text.extend(["invalid; reason=", reason.code()]),
            Self::Refused(Refusal::Speculative) => text.push_str("speculative"),
            Self::Refused(Refusal::Crawler) => text.push_str("bot"),
            Self::Refused(reason) => text.extend(["suppressed; reason=", reason.code()]),
            Self::Invalid(reason) => text.extend(["invalid; reason=", reason.code()]),
            Self::Overloaded => text.push_str("overloaded"),
            Self::OverPartnerLimit => text.push_str("overloaded; reason=partner-limit"),
            Self::Unavailable => text.push_str("overloaded; reason=disk"),
        }
    }
}

macro_rules! invalid_reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What is wrong with a hit. Nothing of it was stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Invalid {
            $($(#[$doc])* $name,)*
        }

        impl Invalid {
            pub const ALL: &[Self] = &[$(Self::$name),*];

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

invalid_reasons! {
    NoTxnId = "no-txn-id", "there is no txn_id, so nobody knows whose pixel this is";
    BadTxnId = "bad-txn-id", "txn_id is neither a pixel id, an event tag id, nor tw-<pixel>-<event tag>";
    UnknownTxnId = "unknown-txn-id", "no pixel and no event tag has this txn_id";
    UnknownPartner = "unknown-partner", "no partner has this name or number";
    NotMatched = "not-matched", "the partner takes no part in cookie matching, being neither an audience nor an RTB partner";
    UnknownEvent = "unknown-event", "the pixel has no event tag for this event";
    BadEvents = "bad-events", "events or event is not the JSON that it should be";
    TooManyEvents = "too-many-events", "a hit may hold at most 16 events";
    BadEventId = "bad-event-id", "event_id is over 128 characters or not printable";
    BadConversionId = "bad-conversion-id", "the conversion id is over 128 characters or not printable";
    BadValue = "bad-value", "the value is not a plain decimal number";
    NegativeValue = "negative-value", "the value is negative";
    ValueTooLarge = "value-too-large", "the value is over 9223372036854.775807";
    BadCurrency = "bad-currency", "the currency is not an ISO 4217 code";
    BadQuantity = "bad-quantity", "the number of items is not a whole number up to 1,000,000";
    BadHref = "bad-href", "href is not the address of a web page";
    UnknownLink = "unknown-link", "no ad link has this name";
    BadMethod = "bad-method", "a pixel is fetched with GET";
    NoPartnerUserId = "no-partner-user-id", "there is no partner user id, or nothing but zeros";
    BadPartnerUserId = "bad-partner-user-id", "the partner user id is too long, not printable, or not what this partner's ids look like";
    MacroPartnerUserId = "macro-partner-user-id", "the partner user id is a macro that nobody filled in";
    PersonalPartnerUserId = "personal-partner-user-id", "the partner user id is an e-mail address or a phone number";
    NoBrowserId = "no-browser-id", "the browser shows two ids, so neither counts";
    NoStorage = "no-third-party-cookies", "the browser does not say that third-party cookies work here, and without them a match is of no use";
    BadState = "bad-state", "the state is not one that this browser was sent to this partner with lately";
    BadSignature = "bad-signature", "the partner has not signed this lately";
    Unsigned = "unsigned", "this partner's matches need a state or a signature";
    UnknownCallback = "unknown-callback", "the partner has no address of this name";
    ForeignRedirect = "foreign-redirect", "an address to lead to is never taken from a request";
}

impl Invalid {
    pub const fn of_user_id(error: InvalidPartnerUserId) -> Self {
        match error {
            InvalidPartnerUserId::Empty | InvalidPartnerUserId::Zero => Self::NoPartnerUserId,
            InvalidPartnerUserId::Macro => Self::MacroPartnerUserId,
            InvalidPartnerUserId::Personal => Self::PersonalPartnerUserId,
            InvalidPartnerUserId::TooLong
            | InvalidPartnerUserId::Unprintable
            | InvalidPartnerUserId::Pattern => Self::BadPartnerUserId,
        }
    }
}

impl From<InvalidMoney> for Invalid {
    fn from(error: InvalidMoney) -> Self {
        match error {
            InvalidMoney::NotAnAmount => Self::BadValue,
            InvalidMoney::Negative => Self::NegativeValue,
            InvalidMoney::TooLarge => Self::ValueTooLarge,
            InvalidMoney::UnknownCurrency => Self::BadCurrency,
        }
    }
}
