//! Conversions and page views, counted: what reports to advertisers are made of.
//!
//! Names nobody: of a row's identifiers it has only which kinds were there.

use std::collections::HashMap;
use std::sync::Arc;

use super::reader::{Row, Stored};
use crate::consent::evidence::Basis;
use crate::domain::attribution::{Credit, CreditKey};
use crate::domain::conversion::{Conversion, Source};
use crate::domain::event::EventType;
use crate::domain::id::{AccountId, EventTagId, PixelId};
use crate::domain::link::Placement;
use crate::domain::money::Currency;
use crate::domain::page::PageAddress;
use crate::domain::time::{MS_PER_HOUR, Timestamp};
use crate::domain::touch::TouchKind;

/// What rows have in common that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TallyKey {
    pub account_id: AccountId,
    pub pixel_id: PixelId,
    /// `None` for page views of a pixel without a site-visit tag.
    pub event_tag_id: Option<EventTagId>,
    pub event: EventType,
    pub source: Source,
    /// When it happened, in whole hours since 1970, UTC.
    pub hour: u64,
    /// What it was credited to.
    pub credit: Option<(TouchKind, Arc<Placement>)>,
}

/// How many rows there are of a [`TallyKey`], and what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub rows: u64,
    /// The quantities of those that name one.
    pub quantity: u64,
    pub with_quantity: u64,
    /// Millionths, in the order of the currencies' codes, of those that have a value.
    pub amounts: Vec<(Currency, i128)>,
    /// How many have a key that an ad touch can be found by, in the order of [`CreditKey::ALL`]; a row may have several.
    pub match_keys: [u64; CreditKey::ALL.len()],
    /// How many have none of them.
    pub without_keys: u64,
    /// In the order of [`Basis::ALL`].
    pub bases: [u64; Basis::ALL.len()],
    pub restricted_data_use: u64,
    /// From a page whose origin the pixel does not list, and the origin of the latest such page.
    pub foreign_origins: u64,
    pub foreign_origin: Option<String>,
    /// When the latest of them was appended.
    pub last_at: Timestamp,
}

/// The counted rows of a part of the log.
pub type Tallies = HashMap<TallyKey, Tally>;

/// Adds a row to `tallies`, if it is one that is counted.
pub fn count(tallies: &mut Tallies, stored: &Stored) {
    let Row::Conversion { conversion, evidence, credit } = &stored.row else { return };
    let key = TallyKey::of(conversion, credit.as_deref());
    tallies.entry(key).or_default().add(conversion, evidence.basis, stored.at);
}

impl TallyKey {
    fn of(conversion: &Conversion, credit: Option<&Credit>) -> Self {
        Self {
            account_id: conversion.account_id,
            pixel_id: conversion.pixel_id,
            event_tag_id: conversion.event_tag_id,
            event: conversion.event,
            source: conversion.source,
            hour: conversion.at.0 / MS_PER_HOUR,
            credit: credit.map(|credit| (credit.kind, Arc::clone(&credit.placement))),
        }
    }
}

impl Tally {
    fn add(&mut self, conversion: &Conversion, basis: Basis, appended_at: Timestamp) {
        let identifiers = &conversion.identifiers;
        let keys = [
            identifiers.click_id.is_some(),
            identifiers.browser_id.is_some(),
            identifiers.hashed_email.is_some(),
            identifiers.hashed_phone.is_some(),
        ];
        let basis_at = Basis::ALL.iter().position(|known| *known == basis);
        let mut one = Self {
            rows: 1,
            quantity: conversion.quantity.unwrap_or_default().into(),
            with_quantity: conversion.quantity.is_some().into(),
            amounts: conversion.value.iter().map(|value| (value.currency(), value.micros().into())).collect(),
            match_keys: keys.map(u64::from),
            without_keys: (!keys.contains(&true)).into(),
            restricted_data_use: conversion.restricted_data_use.into(),
            foreign_origins: (!conversion.origin_ok).into(),
            foreign_origin: None,
            bases: [0; Basis::ALL.len()],
            last_at: appended_at,
        };
        basis_at.into_iter().for_each(|at| one.bases[at] = 1);
        let page = conversion.page.as_ref().filter(|_| !conversion.origin_ok);
        one.foreign_origin = page.map(PageAddress::origin).map(str::to_owned);
        self.merge(&one);
    }

    /// Adds what `other` counts.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.quantity += other.quantity;
        self.with_quantity += other.with_quantity;
        for &(currency, micros) in &other.amounts {
            match self.amounts.binary_search_by_key(&currency.bytes(), |(known, _)| known.bytes()) {
                Ok(at) => self.amounts[at].1 += micros,
                Err(at) => self.amounts.insert(at, (currency, micros)),
            }
        }
        let add =
            |sums: &mut [u64], more: &[u64]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.match_keys, &other.match_keys);
        add(&mut self.bases, &other.bases);
        self.without_keys += other.without_keys;
        self.restricted_data_use += other.restricted_data_use;
        self.foreign_origins += other.foreign_origins;
        if other.foreign_origin.is_some() && (other.last_at >= self.last_at || self.foreign_origin.is_none())
        {
            self.foreign_origin.clone_from(&other.foreign_origin);
        }
        self.last_at = self.last_at.max(other.last_at);
    }
}
