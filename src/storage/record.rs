//! What a payload means: the stored layouts of conversions, opt-outs and the log's own marks.
//!
//! A layout never changes; a new one gets a new version and the old one stays readable. Nothing here is written
//! but what an [`Entry`](super::entry::Entry) lends.

use serde::{Deserialize, Serialize};

use super::entry::EntryKind;
use crate::consent::activity::ActivitySet;
use crate::consent::evidence::{Basis, Evidence};
use crate::consent::policy::{PolicyVersion, Regime};
use crate::domain::conversion::{Conversion, Country, Identifiers, ShortText, Source};
use crate::domain::event::EventType;
use crate::domain::id::{
    AccountId, BrowserId, EventId, EventTagId, HashedAccountId, HashedDeviceId, HashedEmail,
    HashedPartnerUserId, HashedPhone, PartnerId, PixelId,
};
use crate::domain::money::{Currency, Money};
use crate::domain::opt_out::{Choice, OptOut, Subject, Subjects};
use crate::domain::page::PageAddress;
use crate::domain::time::Timestamp;

/// The kinds of frame, as they are numbered on the disk.
pub(super) const BEGIN: u8 = 1;
pub(super) const SKIP: u8 = 2;
pub(super) const CONVERSION: u8 = 3;
pub(super) const OPT_OUT: u8 = 4;
/// Asked for: names the subject.
pub(super) const ERASURE: u8 = 5;
/// What an erasure becomes when all that it asked for is gone: names nobody.
pub(super) const ERASED: u8 = 6;
/// An opt-out of an erased subject: its digest alone.
pub(super) const CONCEALED: u8 = 7;
pub(super) const EMBED_VIEW: u8 = 8;
pub(super) const SETTINGS: u8 = 9;
pub(super) const MATCH: u8 = 10;
pub(super) const UNMATCH: u8 = 11;
pub(super) const TOUCH: u8 = 12;
/// A conversion of an event tag, with what decided about its credit behind it.
pub(super) const CREDITABLE: u8 = 13;

/// The version of every layout so far.
pub(super) const VERSION: u8 = 1;

/// The first frame of a file: what of the file before it counts. What stands behind `end` there was written but
/// never acknowledged, and was written again after this frame if it was acknowledged later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    /// The number of the file before this one; 0 if this is the first.
    pub(super) previous: u64,
    /// Where its frames end.
    pub(super) end: u32,
    /// How many of its bytes were known to be on the disk.
    pub(super) durable: u32,
}

impl Begin {
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.previous.to_le_bytes());
        buffer.extend_from_slice(&self.end.to_le_bytes());
        buffer.extend_from_slice(&self.durable.to_le_bytes());
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let part = |at: usize| Some(u32::from_le_bytes(payload.get(at..at + 4)?.try_into().ok()?));
        let previous = u64::from_le_bytes(payload.get(..8)?.try_into().ok()?);
        Some(Self { previous, end: part(8)?, durable: part(12)? })
    }
}

/// A stored conversion in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredConversion<'a> {
    id: [u8; 16],
    at_ms: u64,
    account_id: u64,
    pub(super) pixel_id: u64,
    pub(super) event_tag_id: Option<u64>,
    pub(super) event: u8,
    source: u8,
    #[serde(borrow)]
    pub(super) event_id: Option<&'a str>,
    pub(super) conversion_id: Option<&'a str>,
    /// Micros and currency.
    value: Option<(i64, [u8; 3])>,
    quantity: Option<u32>,
    browser_id: Option<[u8; 16]>,
    click_id: Option<&'a str>,
    hashed_email: Option<[u8; 32]>,
    hashed_phone: Option<[u8; 32]>,
    page: Option<&'a str>,
    country: Option<[u8; 2]>,
    restricted_data_use: bool,
    origin_ok: bool,
    evidence: StoredEvidence,
}

/// Why a row is there, in the terms of the disk. A part of the layouts of rows, which end with its fields.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct StoredEvidence {
    regime: u8,
    basis: u8,
    activities: u8,
    policy: u64,
    decided_at_ms: u64,
}

impl StoredEvidence {
    pub(super) const fn lend(evidence: &Evidence) -> Self {
        Self {
            regime: regime_code(evidence.regime),
            basis: basis_code(evidence.basis),
            activities: evidence.activities.bits(),
            policy: evidence.policy.0,
            decided_at_ms: evidence.decided_at.0,
        }
    }

    /// `None` if this version does not know the regime or the basis.
    pub(super) fn take(self) -> Option<Evidence> {
        Some(Evidence {
            regime: Regime::ALL.into_iter().find(|&known| regime_code(known) == self.regime)?,
            basis: Basis::ALL.into_iter().find(|&known| basis_code(known) == self.basis)?,
            activities: ActivitySet::from_bits(self.activities),
            policy: PolicyVersion(self.policy),
            decided_at: Timestamp(self.decided_at_ms),
        })
    }
}

impl<'a> StoredConversion<'a> {
    pub(super) fn lend(conversion: &'a Conversion, evidence: &Evidence) -> Self {
        let identifiers = &conversion.identifiers;
        Self {
            id: conversion.id.bytes(),
            at_ms: conversion.at.0,
            account_id: conversion.account_id.number(),
            pixel_id: conversion.pixel_id.number(),
            event_tag_id: conversion.event_tag_id.map(EventTagId::number),
            event: event_code(conversion.event),
            source: source_code(conversion.source),
            event_id: conversion.event_id.as_ref().map(ShortText::as_str),
            conversion_id: conversion.conversion_id.as_ref().map(ShortText::as_str),
            value: conversion.value.map(|value| (value.micros(), value.currency().bytes())),
            quantity: conversion.quantity,
            browser_id: identifiers.browser_id.map(BrowserId::bytes),
            click_id: identifiers.click_id.as_ref().map(|click| click.expose()),
            hashed_email: identifiers.hashed_email.map(HashedEmail::bytes),
            hashed_phone: identifiers.hashed_phone.map(HashedPhone::bytes),
            page: conversion.page.as_ref().map(PageAddress::as_str),
            country: conversion.country.map(Country::bytes),
            restricted_data_use: conversion.restricted_data_use,
            origin_ok: conversion.origin_ok,
            evidence: StoredEvidence::lend(evidence),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        postcard::from_bytes(payload).ok()
    }

    /// With what follows it.
    pub(super) fn read_first(payload: &'a [u8]) -> Option<(Self, &'a [u8])> {
        postcard::take_from_bytes(payload).ok()
    }

    pub(super) const fn id(&self) -> EventId {
        EventId::from_bytes(self.id)
    }

    /// `None` if this version does not know it.
    pub(super) fn source(&self) -> Option<Source> {
        Source::ALL.into_iter().find(|&source| source_code(source) == self.source)
    }

    /// Whether it may say that several devices are one person's.
    pub(super) const fn has_hash(&self) -> bool {
        self.hashed_email.is_some() || self.hashed_phone.is_some()
    }

    /// Who it is about.
    pub(super) fn subjects(&self) -> Subjects {
        [
            self.browser_id.map(|id| Subject::Browser(BrowserId::from_bytes(id))),
            self.hashed_email.map(|id| Subject::Email(HashedEmail::from_bytes(id))),
            self.hashed_phone.map(|id| Subject::Phone(HashedPhone::from_bytes(id))),
        ]
    }

    pub(super) const fn kind(&self) -> EntryKind {
        if self.event == event_code(EventType::SiteVisit) {
            EntryKind::PageView
        } else {
            EntryKind::Conversion
        }
    }

    /// `None` if a field has a value that this version does not know.
    pub(super) fn take(self) -> Option<(Conversion, Evidence)> {
        let click_id = self.click_id.map(str::parse).transpose().ok()?;
        let text = |text: &str| ShortText::from_stored(text.to_owned());
        let evidence = self.evidence.take()?;
        let conversion = Conversion {
            id: self.id(),
            at: Timestamp(self.at_ms),
            account_id: AccountId::from_number(self.account_id),
            pixel_id: PixelId::from_number(self.pixel_id),
            event_tag_id: self.event_tag_id.map(EventTagId::from_number),
            windows: None,
            event: EventType::ALL.into_iter().find(|&event| event_code(event) == self.event)?,
            source: self.source()?,
            event_id: self.event_id.map(text),
            conversion_id: self.conversion_id.map(text),
            value: known(self.value, read_money)?,
            quantity: self.quantity,
            identifiers: Identifiers {
                browser_id: self.browser_id.map(BrowserId::from_bytes),
                click_id,
                hashed_email: self.hashed_email.map(HashedEmail::from_bytes),
                hashed_phone: self.hashed_phone.map(HashedPhone::from_bytes),
            },
            page: self.page.map(|page| PageAddress::from_stored(page.to_owned())),
            country: known(self.country, read_country)?,
            restricted_data_use: self.restricted_data_use,
            origin_ok: self.origin_ok,
        };
        Some((conversion, evidence))
    }
}

/// `None` only where there is something that cannot be read.
pub(super) fn known<T, U>(stored: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match stored {
        Some(stored) => read(stored).map(Some),
        None => Some(None),
    }
}

fn read_money((micros, currency): (i64, [u8; 3])) -> Option<Money> {
    let currency = Currency::parse(std::str::from_utf8(&currency).ok()?).ok()?;
    Some(Money::from_micros(micros, currency))
}

pub(super) fn read_country(code: [u8; 2]) -> Option<Country> {
    Country::parse(std::str::from_utf8(&code).ok()?)
}

/// A stored opt-out in the terms of the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredOptOut {
    subject: StoredSubject,
    at_ms: u64,
    out: bool,
}

/// The order of the variants is the layout; new ones go to the end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum StoredSubject {
    Browser([u8; 16]),
    Device([u8; 32]),
    PartnerUser(u32, [u8; 32]),
    Email([u8; 32]),
    Phone([u8; 32]),
    SignedIn([u8; 32]),
}

impl StoredSubject {
    pub(super) const fn lend(subject: Subject) -> Self {
        match subject {
            Subject::Browser(id) => Self::Browser(id.bytes()),
            Subject::Device(id) => Self::Device(id.bytes()),
            Subject::PartnerUser(partner, id) => Self::PartnerUser(partner.number(), id.bytes()),
            Subject::Email(id) => Self::Email(id.bytes()),
            Subject::Phone(id) => Self::Phone(id.bytes()),
            Subject::SignedIn(id) => Self::SignedIn(id.bytes()),
        }
    }

    pub(super) const fn take(self) -> Subject {
        match self {
            Self::Browser(bytes) => Subject::Browser(BrowserId::from_bytes(bytes)),
            Self::Device(bytes) => Subject::Device(HashedDeviceId::from_bytes(bytes)),
            Self::PartnerUser(partner, bytes) => {
                Subject::PartnerUser(PartnerId::from_number(partner), HashedPartnerUserId::from_bytes(bytes))
            }
            Self::Email(bytes) => Subject::Email(HashedEmail::from_bytes(bytes)),
            Self::Phone(bytes) => Subject::Phone(HashedPhone::from_bytes(bytes)),
            Self::SignedIn(bytes) => Subject::SignedIn(HashedAccountId::from_bytes(bytes)),
        }
    }
}

impl StoredOptOut {
    pub(super) const fn lend(opt_out: &OptOut) -> Self {
        Self {
            subject: StoredSubject::lend(opt_out.subject),
            at_ms: opt_out.at.0,
            out: matches!(opt_out.choice, Choice::Out),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        write_postcard(self, buffer);
    }

    pub(super) fn read(payload: &[u8]) -> Option<OptOut> {
        let stored: Self = postcard::from_bytes(payload).ok()?;
        let choice = if stored.out { Choice::Out } else { Choice::In };
        Some(OptOut { subject: stored.subject.take(), at: Timestamp(stored.at_ms), choice })
    }
}

pub(super) fn write_postcard(value: &impl Serialize, buffer: &mut Vec<u8>) {
    *buffer = postcard::to_extend(value, std::mem::take(buffer)).expect("a vector takes every byte");
}

/// Never renumber: these are on disks.
pub(super) const fn event_code(event: EventType) -> u8 {
    match event {
        EventType::AddedPaymentInfo => 1,
        EventType::AddToCart => 2,
        EventType::AddToWishlist => 3,
        EventType::CheckoutInitiated => 4,
        EventType::ContentView => 5,
        EventType::Custom => 6,
        EventType::Download => 7,
        EventType::ProductCustomization => 8,
        EventType::Purchase => 9,
        EventType::Search => 10,
        EventType::SignUp => 11,
        EventType::SiteVisit => 12,
        EventType::StartTrial => 13,
        EventType::Subscribe => 14,
    }
}

const fn source_code(source: Source) -> u8 {
    match source {
        Source::Pixel => 1,
        Source::Api => 2,
    }
}

const fn regime_code(regime: Regime) -> u8 {
    match regime {
        Regime::None => 1,
        Regime::Us => 2,
        Regime::Gdpr => 3,
    }
}

const fn basis_code(basis: Basis) -> u8 {
    match basis {
        Basis::NotRequired => 1,
        Basis::NotOptedOut => 2,
        Basis::Default => 3,
        Basis::Consent => 4,
        Basis::LegitimateInterest => 5,
        Basis::WithoutIdentifiers => 6,
    }
}
