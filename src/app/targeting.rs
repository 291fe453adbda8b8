//! The thread that takes partners' targeting user files: those that are brought, and those that it fetches each day.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use data_encoding::BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::AppError;
use super::vendor_list::with_causes;
use crate::config::PartnerTargeting;
use crate::http::outbound::{Networks, Outbound, SystemResolver, Wanted};
use crate::service::targeting::{
    Ask, Fetch, Job, NotTaken, Targeting, TargetingSource, TargetingTerms, TargetingView,
};
use crate::service::targeting_delivery::{Delivery, DeliveryCounts, Format};

pub(super) fn terms(config: &PartnerTargeting) -> TargetingTerms {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let authorization = config.login.as_ref().map(|(user, password)| {
        let pair = format!("{user}:{}", password.expose_secret());
        SecretString::from(format!("Basic {}", BASE64.encode(pair.as_bytes())))
    });
    let source = config.url.clone().map(|address| TargetingSource {
        address,
        authorization,
        every_ms: ms(config.every),
    });
    TargetingTerms { source, expires_after_ms: ms(config.expires) }
}

/// What the thread works with.
pub(super) struct Work {
    pub(super) targeting: Arc<Targeting>,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) networks: Networks,
    /// Who is erased is in no list after this time.
    pub(super) erase_within: Duration,
}

impl Work {
    pub(super) fn spawn(self, stopped: watch::Receiver<bool>) -> Result<JoinHandle<()>, AppError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Runtime)?;
        let run = move || runtime.block_on(self.run(stopped));
        thread::Builder::new().name("targeting".to_owned()).spawn(run).map_err(AppError::Runtime)
    }

    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let outbound = Outbound::new(self.networks, Arc::new(SystemResolver), FETCH_TIME_MAX);
        let errands =
            Arc::new(Errands { targeting: self.targeting, outbound, room: Semaphore::new(FETCHES_MAX) });
        let mut tick = every(TICK);
        let mut sweep = every((self.erase_within / 4).clamp(TICK, SWEEP_EVERY_MAX));
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                Some(job) = self.jobs.recv() => drop(tokio::spawn(Arc::clone(&errands).answer(job))),
                _ = sweep.tick() => errands.targeting.sweep(),
                _ = tick.tick() => {
                    for fetch in errands.targeting.due() {
                        let errands = Arc::clone(&errands);
                        drop(tokio::spawn(async move { errands.fetch(fetch).await.map(drop) }));
                    }
                }
            }
        }
    }
}

fn every(time: Duration) -> Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

struct Errands {
    targeting: Arc<Targeting>,
    outbound: Outbound,
    room: Semaphore,
}

impl Errands {
    async fn answer(self: Arc<Self>, job: Job) {
        let done = match job.ask {
            Ask::Take(partner_id, file) => self.targeting.take(partner_id, &file),
            Ask::Remove(partner_id) => self.targeting.remove(partner_id),
            Ask::Fetch(partner_id) => match self.targeting.fetch_of(partner_id) {
                Ok(fetch) => self.fetch(fetch).await,
                Err(error) => Err(error),
            },
        };
        // Whoever asked may have gone meanwhile.
        let _ = job.answer.send(done);
    }

    async fn fetch(&self, fetch: Fetch) -> Result<TargetingView, NotTaken> {
        let _room = self.room.acquire().await;
        let taken = self.download(&fetch).await;
        self.targeting.note(fetch.partner_id, taken)
    }

    async fn download(&self, fetch: &Fetch) -> Result<DeliveryCounts, NotTaken> {
        let live = self.targeting.live.load_full();
        let partner = live.partners.get(fetch.partner_id).ok_or(NotTaken::Unknown)?;
        let path = fetch.address.split('?').next().unwrap_or_default();
        let format = if path.ends_with(".gz") { Format::TsvGz } else { Format::Tsv };
        let mut delivery = Delivery::new(format, partner, &live.registry, self.targeting.store.table());
        let wanted = Wanted {
            address: &fetch.address,
            authorization: fetch.authorization.as_ref(),
            bytes_max: FILE_BYTES_MAX,
        };
        let answer = self.outbound.download(&wanted, |piece| delivery.take(piece)).await;
        match answer.map_err(|error| NotTaken::Failed(with_causes(&error)))?.status {
            200 => self.targeting.finish(&live, fetch.partner_id, delivery, Some(fetch.day)),
            404 | 410 => Err(NotTaken::Missing),
            status => Err(NotTaken::Failed(format!("its server answered {status}; expected 200"))),
        }
    }
}

const TICK: Duration = Duration::from_secs(1);
const SWEEP_EVERY_MAX: Duration = Duration::from_secs(3_600);
const FETCH_TIME_MAX: Duration = Duration::from_secs(900);
/// At the same time, of all partners.
const FETCHES_MAX: usize = 2;
/// Compressed.
const FILE_BYTES_MAX: u64 = 1 << 30;
