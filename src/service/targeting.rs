//! Partner targeting user files: whom partners say that advertisers want to reach.
//!
//! Each delivery is a partner's full list and takes the place of the one before, which stays in force if the new one is
//! missing or broken, until it expires. What is kept of it is whom the match table has for audiences; see
//! [`storage::targeting`](crate::storage::targeting).

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::caller::Caller;
use super::live::{Live, SharedLive};
use super::partners::Partner;
use super::targeting_delivery::{BadDelivery, Delivery, DeliveryCounts, Format};
use super::targeting_metrics::TargetingMetrics;
use crate::domain::id::{AccountId, BrowserId, PartnerId};
use crate::domain::partner::PartnerKind;
use crate::domain::targeting::DatedAddress;
use crate::domain::time::{Clock, Timestamp};
use crate::storage::targeting::{TargetingList, TargetingStore};

/// What a partner's registration says of its files.
#[derive(Debug, Clone)]
pub struct TargetingTerms {
    /// Where it has one for each day; `None`: they are brought.
    pub source: Option<TargetingSource>,
    /// How long a list is in force without another one.
    pub expires_after_ms: u64,
}

#[derive(Debug, Clone)]
pub struct TargetingSource {
    pub address: DatedAddress,
    /// `Basic …`.
    pub authorization: Option<SecretString>,
    /// How long to wait before the day's file is asked for again.
    pub every_ms: u64,
}

/// A file that is to be fetched.
#[derive(Debug, Clone)]
pub struct Fetch {
    pub partner_id: PartnerId,
    pub address: String,
    pub authorization: Option<SecretString>,
    pub day: u32,
}

/// What an operator asks for.
#[derive(Debug)]
pub enum Ask {
    /// Take this file.
    Take(PartnerId, Vec<u8>),
    /// Fetch the day's file now.
    Fetch(PartnerId),
    /// Forget the list.
    Remove(PartnerId),
}

/// Something asked for, on its way to the thread that does it.
#[derive(Debug)]
pub struct Job {
    pub ask: Ask,
    pub answer: oneshot::Sender<Result<TargetingView, NotTaken>>,
}

/// Why the list is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("there is no such partner")]
    Unknown,
    #[error("the partner is no audience partner")]
    NotAudience,
    #[error("the partner has no targeting.url that a file could be fetched from")]
    NoSource,
    #[error("the file of the day is not there yet")]
    Missing,
    #[error("{0}")]
    Bad(#[from] BadDelivery),
    #[error("it could not be fetched: {0}")]
    Failed(String),
    #[error("the list could not be put on the disk")]
    Disk(#[from] io::Error),
    #[error("too many deliveries are under way; try again later")]
    Busy,
}

impl NotTaken {
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Bad(_) => "refused",
            _ => "failed",
        }
    }
}

/// The list of one partner, and what became of deliveries since the server started, for its operator.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TargetingView {
    /// RFC 3339; `null` where no list is in force.
    pub taken_at: Option<String>,
    pub expires_at: Option<String>,
    /// Of whom the list had and who may still be targeted, as of the last sweep.
    pub rows: usize,
    pub audiences: Vec<AudienceView>,
    pub last_delivery: Option<DeliveryCounts>,
    /// Since the last one that was taken.
    pub last_failure: Option<FailureView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct AudienceView {
    pub account_id: String,
    pub audience: Option<String>,
    pub people: usize,
}

#[derive(Debug, Clone, Serialize)]
pub struct FailureView {
    pub at: String,
    pub error: String,
}

/// That a partner has put a browser into an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetedBy {
    /// The partner's name.
    pub partner: String,
    /// The advertiser's handle, or its number.
    pub advertiser: String,
    pub audience: Option<String>,
    pub score: Option<u8>,
}

pub struct Targeting {
    pub store: TargetingStore,
    pub live: SharedLive,
    pub clock: Arc<dyn Clock>,
    pub metrics: TargetingMetrics,
    jobs: mpsc::Sender<Job>,
    seen: Mutex<HashMap<PartnerId, Seen>>,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    last_delivery: Option<DeliveryCounts>,
    last_failure: Option<FailureView>,
    next_fetch_at: Timestamp,
}

impl Targeting {
    /// With what is asked for, which one thread has to do.
    pub fn new(
        store: TargetingStore,
        live: SharedLive,
        clock: Arc<dyn Clock>,
    ) -> (Self, mpsc::Receiver<Job>) {
        let (jobs, asked) = mpsc::channel(JOBS_MAX);
        let (metrics, seen) = (TargetingMetrics::default(), Mutex::default());
        (Self { store, live, clock, metrics, jobs, seen }, asked)
    }

    /// `None` where there is no such partner.
    pub fn view(&self, _: &Caller, partner_id: PartnerId) -> Option<TargetingView> {
        self.live.load().partners.get(partner_id)?;
        Some(self.view_of(partner_id))
    }

    pub async fn ask(&self, _: &Caller, ask: Ask) -> Result<TargetingView, NotTaken> {
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job { ask, answer }).map_err(|_| NotTaken::Busy)?;
        // Without an answer the thread has ended, as the server has.
        answered.await.unwrap_or(Err(NotTaken::Busy))
    }

    /// The audiences that partners have put any of `browser_ids` into.
    pub fn about(&self, browser_ids: &[BrowserId]) -> Vec<TargetedBy> {
        let (live, now) = (self.live.load(), self.clock.now());
        let found = browser_ids.iter().flat_map(|id| self.store.about(*id, now));
        let mut told: Vec<_> = found
            .map(|(partner_id, membership)| TargetedBy {
                partner: live
                    .partners
                    .get(partner_id)
                    .map_or_else(|| partner_id.to_string(), |partner| partner.name.clone()),
                advertiser: advertiser(&live, membership.account_id),
                audience: membership.audience.map(String::from),
                score: membership.score,
            })
            .collect();
        told.dedup();
        told
    }

    /// A file that was brought.
    pub fn take(&self, partner_id: PartnerId, file: &[u8]) -> Result<TargetingView, NotTaken> {
        let live = self.live.load_full();
        let partner = audience_partner(&live, partner_id)?;
        let mut delivery = Delivery::new(Format::of(file), partner, &live.registry, self.store.table());
        // What is wrong with it is told at the end.
        let _ = delivery.take(file);
        let taken = self.finish(&live, partner_id, delivery, None);
        self.note(partner_id, taken)
    }

    /// Puts the whole of a delivery in force.
    pub fn finish(
        &self,
        live: &Live,
        partner_id: PartnerId,
        delivery: Delivery<'_>,
        day: Option<u32>,
    ) -> Result<DeliveryCounts, NotTaken> {
        let partner = live.partners.get(partner_id).ok_or(NotTaken::Unknown)?;
        let now = self.clock.now();
        let expires_at = now.plus_ms(partner.targeting.expires_after_ms);
        let (list, counts) = delivery.finish(now, expires_at, day)?;
        self.store.put(partner_id, list)?;
        Ok(counts)
    }

    /// Remembers what became of a delivery, for whoever asks.
    pub fn note(
        &self,
        partner_id: PartnerId,
        taken: Result<DeliveryCounts, NotTaken>,
    ) -> Result<TargetingView, NotTaken> {
        let live = self.live.load();
        let name = live.partners.get(partner_id).map_or("", |partner| &*partner.name);
        let outcome = taken.as_ref().map_or_else(NotTaken::outcome, |_| "taken");
        self.metrics.count(name, outcome, taken.as_ref().ok());
        match taken {
            Ok(counts) => {
                tracing::info!(partner.id = %partner_id, rows = counts.rows, kept = counts.kept, bad = counts.bad, "targeting list taken");
                let mut seen = self.seen();
                let seen = seen.entry(partner_id).or_default();
                (seen.last_delivery, seen.last_failure) = (Some(counts), None);
            }
            Err(error) => {
                tracing::warn!(partner.id = %partner_id, %error, "targeting list not taken; the last one stays");
                let at = self.clock.now().to_string();
                let failure = FailureView { at, error: error.to_string() };
                self.seen().entry(partner_id).or_default().last_failure = Some(failure);
                return Err(error);
            }
        }
        Ok(self.view_of(partner_id))
    }

    pub fn remove(&self, partner_id: PartnerId) -> Result<TargetingView, NotTaken> {
        self.live.load().partners.get(partner_id).ok_or(NotTaken::Unknown)?;
        self.store.remove(partner_id)?;
        Ok(self.view_of(partner_id))
    }

    /// The day's file of a partner.
    pub fn fetch_of(&self, partner_id: PartnerId) -> Result<Fetch, NotTaken> {
        let (live, now) = (self.live.load(), self.clock.now());
        let partner = audience_partner(&live, partner_id)?;
        let source = partner.targeting.source.as_ref().ok_or(NotTaken::NoSource)?;
        Ok(Fetch {
            partner_id,
            address: source.address.on(now),
            authorization: source.authorization.clone(),
            day: now.day(),
        })
    }

    /// Those files of the day that are not there yet and are to be asked for now. Each is asked for again after its time.
    pub fn due(&self) -> Vec<Fetch> {
        let (live, now) = (self.live.load(), self.clock.now());
        let mut seen = self.seen();
        let mut due = Vec::new();
        for partner in live.partners.iter() {
            let Some(source) = &partner.targeting.source else { continue };
            let seen = seen.entry(partner.id).or_default();
            let has_it = self.store.get(partner.id).is_some_and(|list| list.day == Some(now.day()));
            if !has_it && seen.next_fetch_at <= now {
                seen.next_fetch_at = now.plus_ms(source.every_ms);
                due.extend(self.fetch_of(partner.id));
            }
        }
        due
    }

    /// Takes out what has expired, whose partner is no more, and who is not to be targeted any more.
    pub fn sweep(&self) {
        let live = self.live.load();
        let swept = self.store.sweep(self.clock.now()).and_then(|gone| {
            let orphans = self.store.partners().into_iter().filter(|id| live.partners.get(*id).is_none());
            orphans.map(|id| self.store.remove(id)).collect::<io::Result<Vec<_>>>()?;
            Ok(gone)
        });
        match swept {
            Ok(0) => {}
            Ok(gone) => tracing::info!(rows = gone, "targeting lists swept"),
            Err(error) => tracing::error!(%error, "targeting lists could not be swept; it is tried again"),
        }
    }

    fn view_of(&self, partner_id: PartnerId) -> TargetingView {
        let list = self.store.get(partner_id);
        let seen = self.seen().get(&partner_id).cloned().unwrap_or_default();
        let view = list.as_deref().map(TargetingView::of).unwrap_or_default();
        TargetingView { last_delivery: seen.last_delivery, last_failure: seen.last_failure, ..view }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<PartnerId, Seen>> {
        // Each entry is replaced as a whole, so a panic leaves good ones.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn audience_partner(live: &Live, partner_id: PartnerId) -> Result<&Partner, NotTaken> {
    let partner = live.partners.get(partner_id).ok_or(NotTaken::Unknown)?;
    if partner.kinds.contains(PartnerKind::Audience) { Ok(partner) } else { Err(NotTaken::NotAudience) }
}

fn advertiser(live: &Live, account_id: AccountId) -> String {
    live.registry.handle_of(account_id).map_or_else(|| account_id.to_string(), ToString::to_string)
}

impl TargetingView {
    pub fn of(list: &TargetingList) -> Self {
        let sizes = list.sizes().into_iter().map(|(account_id, name, people)| AudienceView {
            account_id: account_id.to_string(),
            audience: name.map(str::to_owned),
            people,
        });
        Self {
            taken_at: Some(list.taken_at.to_string()),
            expires_at: Some(list.expires_at.to_string()),
            rows: list.len(),
            audiences: sizes.collect(),
            ..Self::default()
        }
    }
}

/// Each holds a file in memory.
const JOBS_MAX: usize = 4;
