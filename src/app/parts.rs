//! Configuration -> the parts of a server.

use std::future::Future;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry as MetricsRegistry;
use secrecy::ExposeSecret;

use super::background::Background;
use super::event_tags::{LiveEventTags, MadeTags};
use super::kept::{self, Keeper, KeptError};
use super::options::{admin_options, authentications, log_options, lookup_limits, public_options, read, tls};
use super::partner_registry::RegisteredPartners;
use super::targeting::{self, Work};
use super::{AppError, Environment, Reread, deletion, vendor_list};
use crate::config::{self, Config, Mode, RegisteredAds};
use crate::consent::gate::Gate;
use crate::consent::tcf::vendor_list::VendorList;
use crate::domain::time::{Clock, Rng, Timestamp};
use crate::http::advertiser::Advertiser;
use crate::http::api::Api;
use crate::http::csrf::Forms;
use crate::http::explain::Explain;
use crate::http::outbound::Networks;
use crate::http::privacy::Lookups;
use crate::http::public::Public;
use crate::http::rate_limit::{OneLimit, Rate};
use crate::http::server::ServerOptions;
use crate::service::account_caller::{AccountKeys, AccountSecrets, OauthSecrets};
use crate::service::advertiser_session::AdvertiserSessions;
use crate::service::api_limits::ApiLimits;
use crate::service::crawler::Crawlers;
use crate::service::crypto::MacKey;
use crate::service::deletion::{DeletionMetrics, DeletionService, UnderWay};
use crate::service::erasure::ErasureService;
use crate::service::geo::Geo;
use crate::service::identity::IdentityKeys;
use crate::service::journal::Journal;
use crate::service::live::{Live, SharedLive};
use crate::service::match_metrics::MatchMetrics;
use crate::service::match_rows::MatchRows;
use crate::service::metrics::PixelMetrics;
use crate::service::operation::{ErasureState, LogState, Operation, Reloading};
use crate::service::opt_out::OptOutService;
use crate::service::partners::{MatchLimit, Partner, PartnerSettings, Partners};
use crate::service::pixel::PixelService;
use crate::service::privacy::PrivacyService;
use crate::service::receipt::ReceiptKeys;
use crate::service::reports::ReportService;
use crate::service::tag_watch::TagWatch;
use crate::service::targeting::Targeting;
use crate::service::targeting_metrics::TargetingListsInForce;
use crate::service::vendor_list::VendorListWatch;
use crate::service::watch::Watch;
use crate::storage::disk::Disk;
use crate::storage::erasures::Erasures;
use crate::storage::log::Log;
use crate::storage::opt_outs::OptOuts;
use crate::storage::tally_book::TallyBook;
use crate::storage::targeting::TargetingStore;
use crate::storage::worker::Appender;

/// What the workers share.
pub(super) struct Shared {
    pub(super) log: Arc<Log>,
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) public_options: Arc<ServerOptions>,
    pub(super) admin_options: Arc<ServerOptions>,
    /// Changes the partners of all workers at once.
    pub(super) partners: Arc<Keeper<RegisteredPartners>>,
    /// Changes the campaigns and links of all workers at once.
    pub(super) ads: Arc<Keeper<RegisteredAds>>,
    /// Changes the event tags of all workers at once.
    event_tags: Arc<LiveEventTags>,
    pub(super) targeting: Arc<Targeting>,
    /// Takes partners' targeting files.
    pub(super) work: Option<Work>,
    /// End when all workers have.
    pub(super) readers: Vec<JoinHandle<()>>,
    live: SharedLive,
    opt_outs: Arc<OptOuts>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    metrics: Arc<PixelMetrics>,
    deletion_metrics: Arc<DeletionMetrics>,
    deletions: Arc<UnderWay>,
    matches_seen: Arc<MatchMetrics>,
    forms: Arc<Forms>,
    api: Api,
    advertiser: Advertiser,
    lookups: Lookups,
    vendor_list: Arc<VendorListWatch>,
    registry: MetricsRegistry,
    erase_within: Duration,
}

impl Shared {
    pub(super) fn build(config: &Config, environment: Environment) -> Result<Self, AppError> {
        let Environment { clock, rng, disk } = environment;
        let file = config;
        let config = &with_kept(file, &*disk, &file.data_dir)?;
        let live = live(config, Arc::new(Crawlers::shipped()))?;
        let public_options = Arc::new(public_options(config)?);
        let admin_options = Arc::new(admin_options(config, &config.admin)?);
        let (log, recovery) =
            Log::open(&config.data_dir, log_options(config), disk.clone(), clock.clone(), rng.clone())?;
        tracing::info!(?recovery, "the log is open");
        let live = Live { account_settings: log.account_settings(), ..live };
        let live = Arc::new(ArcSwap::from_pointee(live));
        let partners = Arc::new(Keeper::new(file, live.clone(), disk.clone()));
        let ads = Arc::new(Keeper::new(file, live.clone(), disk.clone()));
        let keeper = Keeper::new(file, live.clone(), disk.clone());
        let event_tags = Arc::new(LiveEventTags { keeper, clock: clock.clone(), rng: rng.clone() });
        let (targeting, work) = targeting(config, &log, disk.clone(), live.clone(), clock.clone())?;
        let mut secret = [0; 32];
        rng.fill(&mut secret);
        let tags = Arc::new(TagWatch::new(clock.now()));
        let metrics = Arc::new(PixelMetrics::default());
        let matches_seen = Arc::new(MatchMetrics::default());
        let vendor_list = Arc::new(VendorListWatch { live: live.clone(), clock: clock.clone() });
        vendor_list::report(vendor_list.status());
        let mut registry = MetricsRegistry::default();
        metrics.register(&mut registry);
        let deletion_metrics = Arc::new(DeletionMetrics::default());
        deletion_metrics.register(&mut registry);
        matches_seen.register(&mut registry);
        log.metrics().register(&mut registry);
        public_options.metrics.register(&mut registry);
        let (privacy, reports, readers) = readers(config, &log, disk, clock.clone())?;
        let limits = Arc::new(lookup_limits(config));
        let lookups = Lookups { service: privacy, targeting: targeting.clone(), limits };
        targeting.metrics.register(&mut registry);
        registry.register_collector(Box::new(TargetingListsInForce(targeting.clone())));
        registry.register_collector(Box::new(vendor_list.clone()));
        registry.register_collector(Box::new(MatchRows { live: live.clone(), table: log.matches() }));
        Ok(Self {
            targeting,
            work: Some(work),
            readers,
            lookups,
            opt_outs: log.opt_outs(),
            journal: (config.mode == Mode::Development).then(Arc::default),
            forms: Arc::new(Forms::new(MacKey::new(&secret))),
            api: api(config, event_tags.clone(), reports.clone(), tags.clone()),
            advertiser: advertiser(&secret, reports, tags),
            event_tags,
            vendor_list,
            registry,
            erase_within: config.erase_within,
            public_options,
            admin_options,
            log: Arc::new(log),
            live,
            partners,
            ads,
            clock,
            rng,
            metrics,
            deletion_metrics,
            deletions: Arc::default(),
            matches_seen,
        })
    }

    /// The service of one worker, and what has to run on that worker's thread beside it.
    pub(super) fn public(&self) -> (Arc<Public<OptOuts>>, impl Future<Output = ()> + Send + 'static + use<>) {
        let (appender, batcher) = self.log.appender(tokio::task::yield_now);
        let pixel = PixelService {
            live: self.live.clone(),
            log: appender.clone(),
            opt_outs: self.opt_outs.clone(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            metrics: self.metrics.clone(),
            journal: self.journal.clone(),
            watch: Watch { tags: self.api.tags.counter(), tests: self.api.tests.clone() },
            matches: self.log.matches(),
            matches_seen: self.matches_seen.clone(),
        };
        let opt_out = OptOutService { log: appender.clone(), clock: self.clock.clone() };
        let deletion = DeletionService {
            live: self.live.clone(),
            erasure: self.erasure_with(appender.clone()),
            under_way: self.deletions.clone(),
            metrics: self.deletion_metrics.clone(),
        };
        let erasure = self.erasure_with(appender);
        let explain = self.journal.is_some().then(|| self.explain());
        let (forms, lookups) = (self.forms.clone(), self.lookups.clone());
        let (api, advertiser) = (self.api.clone(), self.advertiser.clone());
        let public = Public { pixel, opt_out, forms, lookups, erasure, deletion, api, advertiser, explain };
        (Arc::new(public), batcher)
    }

    /// Asks the gate, and has no way to the log.
    pub(super) fn explain(&self) -> Explain {
        Explain { live: self.live.clone(), opt_outs: self.opt_outs.clone(), clock: self.clock.clone() }
    }

    /// Takes the registry, so it is called once.
    pub(super) fn operation(&mut self, reread: Reread) -> Arc<Operation> {
        let (live, public, admin) =
            (self.live.clone(), self.public_options.clone(), self.admin_options.clone());
        let (watch, partners) = (self.vendor_list.clone(), self.partners.clone());
        let (ads, event_tags) = (self.ads.clone(), self.event_tags.clone());
        let reload = move || {
            let renew = |config: &Config| {
                let before = live.load_full();
                let vendors = vendor_list::at_reload(config, &before)?;
                let fresh = live_with(config, before.crawlers.clone(), vendors, Some(&before.partners));
                let fresh = fresh.map_err(|error| error.to_string())?;
                let fresh = Live { account_settings: before.account_settings.clone(), ..fresh };
                let certificates = [(&public, &config.public), (&admin, &config.admin)];
                let fresh_tls = certificates.map(|(options, listener)| (options, tls(listener)));
                for (options, tls) in fresh_tls {
                    let tls = tls.map_err(|error| error.to_string())?;
                    if let (Some(slot), Some(tls)) = (&options.tls, tls) {
                        slot.store(tls);
                    }
                }
                live.store(Arc::new(fresh));
                vendor_list::report(watch.status());
                Ok(())
            };
            partners.reload(&reread()?, |config| {
                event_tags.keeper.reload(config, |config| ads.reload(config, renew))
            })
        };
        // After a panic in a reload the next one starts from the file again; nothing is half done.
        let (reload, background) = (Arc::new(Mutex::new(reload)), Background::default());
        let reload = Box::new(move || -> Reloading {
            let reload = reload.clone();
            let reloading = background.run(move || (reload.lock().unwrap_or_else(PoisonError::into_inner))());
            Box::pin(async move { reloading.await.unwrap_or_else(|error| Err(error.to_string())) })
        });
        let (log, clock, within) = (Arc::downgrade(&self.log), self.clock.clone(), self.erase_within);
        let state = Box::new(move || LogState {
            is_ready: log.upgrade().is_some_and(|log| log.is_ready()),
            erasures: log
                .upgrade()
                .map_or(ErasureState::Done, |log| erasures(&log.erasures(), within, clock.now())),
        });
        let vendor_list = self.vendor_list.clone();
        let vendor_list = Box::new(move || vendor_list.status());
        Arc::new(Operation::new(
            std::mem::take(&mut self.registry),
            self.clock.clone(),
            state,
            vendor_list,
            reload,
        ))
    }

    /// With what has to run on the same thread beside it.
    pub(super) fn erasure(&self) -> (ErasureService, impl Future<Output = ()> + Send + 'static + use<>) {
        let (log, batcher) = self.log.appender(tokio::task::yield_now);
        (self.erasure_with(log), batcher)
    }

    fn erasure_with(&self, log: Appender) -> ErasureService {
        ErasureService {
            log,
            erasures: self.log.erasures(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            within: self.erase_within,
        }
    }
}

/// Those that read the log while it is written to, each on a thread of its own.
fn readers(
    config: &Config,
    log: &Log,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
) -> Result<(PrivacyService, ReportService, Vec<JoinHandle<()>>), AppError> {
    let (privacy, look_up) = PrivacyService::new(config.data_dir.clone());
    let book = TallyBook::new(disk, config.data_dir.clone(), log.erasures());
    let (reports, count) = ReportService::new(book, clock);
    Ok((privacy, reports, vec![spawn("look-up", look_up)?, spawn("reports", count)?]))
}

/// `secret` is as old as the process, and so no session is older.
fn advertiser(secret: &[u8], reports: ReportService, tags: Arc<TagWatch>) -> Advertiser {
    let sessions = AdvertiserSessions::new(MacKey::derive(secret, "advertiser sessions"));
    Advertiser { sessions: Arc::new(sessions), limits: Arc::new(authentications()), reports, tags }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AppError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(AppError::Runtime)
}

fn targeting(
    config: &Config,
    log: &Log,
    disk: Arc<dyn Disk>,
    live: SharedLive,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Targeting>, Work), AppError> {
    let store = TargetingStore::open(disk, &config.data_dir, log.matches());
    let store =
        store.map_err(|error| AppError::Part(format!("the targeting lists could not be read: {error}")))?;
    let (targeting, jobs) = Targeting::new(store, live, clock);
    let targeting = Arc::new(targeting);
    // Before anybody is answered: who has opted out or was erased meanwhile is in no file any more.
    targeting.sweep();
    let networks = Networks { allowed: config.outbound_networks.clone() };
    let work = Work { targeting: targeting.clone(), jobs, networks, erase_within: config.erase_within };
    Ok((targeting, work))
}

fn api(config: &Config, event_tags: Arc<LiveEventTags>, reports: ReportService, tags: Arc<TagWatch>) -> Api {
    Api {
        nonces: Arc::default(),
        limits: Arc::new(ApiLimits::new(API_REQUESTS_MAX, config.rate_limits.is_some())),
        event_tags,
        reports,
        tags,
        tests: Arc::default(),
    }
}

/// Of one account in a quarter of an hour, as X has it for conversions.
const API_REQUESTS_MAX: u32 = 100_000;

fn erasures(erasures: &Erasures, within: Duration, now: Timestamp) -> ErasureState {
    match erasures.pending().1 {
        None => ErasureState::Done,
        Some(oldest) if u128::from(now.0.saturating_sub(oldest.0)) > within.as_millis() => ErasureState::Late,
        Some(_) if erasures.failure().is_some() => ErasureState::Failing,
        Some(_) => ErasureState::Pending,
    }
}

pub(super) fn workers(config: &Config) -> usize {
    config.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// `file` with all that is kept in `data_dir` beside it, or why they do not go together.
pub fn with_kept(file: &Config, disk: &dyn Disk, data_dir: &Path) -> Result<Config, KeptError> {
    let config = kept::with_kept::<RegisteredPartners>(file, disk, data_dir)?;
    let config = kept::with_kept::<MadeTags>(&config, disk, data_dir)?;
    kept::with_kept::<RegisteredAds>(&config, disk, data_dir)
}

/// What requests are answered under, without the log: nobody has settings in an account. The known crawlers come with the program and take long to compile, so whoever has
/// them keeps them.
pub fn live(config: &Config, crawlers: Arc<Crawlers>) -> Result<Live, AppError> {
    live_with(config, crawlers, vendor_list::at_start(config), None)
}

fn live_with(
    config: &Config,
    crawlers: Arc<Crawlers>,
    vendors: Option<Arc<VendorList>>,
    before: Option<&Partners>,
) -> Result<Live, AppError> {
    Ok(Live {
        registry: Arc::new(config.registry()),
        links: Arc::new(config.links()),
        gate: Gate::new(vendor_list::policy(config, vendors)),
        identity: identity(config)?,
        geo: config.geo_database.as_deref().map_or_else(|| Ok(Geo::default()), geo)?.into(),
        crawlers,
        account_settings: Arc::default(),
        receipts: Arc::new(receipts(config)),
        daa_key: daa_key(config)?,
        cookie_name: config.cookie.name.clone(),
        country_header: config.proxies.country_header.clone(),
        dnt_policy: config.dnt_policy.as_deref().map(dnt_policy).transpose()?,
        deletion: config
            .delete
            .as_ref()
            .map(|delete| deletion::terms(delete, &secrets(config)).map(Arc::new))
            .transpose()?,
        partners: Arc::new(partners(config, before)),
        match_state_key: MacKey::derive(matching_secret(config), "match state"),
        account_keys: Arc::new(AccountKeys::new(&account_secrets(config))),
        publisher_origins: config.matching.publisher_origins.clone(),
    })
}

fn account_secrets(config: &Config) -> Vec<AccountSecrets> {
    let secrets = |account: &config::Account| AccountSecrets {
        account_id: account.id,
        pixel_token: account.keys.pixel_token.clone(),
        bearer_token: account.keys.bearer_token.clone(),
        oauth: account.keys.oauth.clone().map(|oauth| OauthSecrets {
            consumer_key: oauth.consumer_key,
            consumer_secret: oauth.consumer_secret,
            access_token: oauth.access_token,
            access_secret: oauth.access_secret,
        }),
    };
    config.accounts.iter().map(secrets).collect()
}

/// The keys of the browser id's cookie.
pub fn identity(config: &Config) -> Result<IdentityKeys, AppError> {
    let keys = IdentityKeys::new(&secrets(config), config.cookie.max_age_days);
    keys.ok_or_else(no_cookie_key)
}

/// The keys of receipts, which come from the same secrets.
pub fn receipts(config: &Config) -> ReceiptKeys {
    ReceiptKeys::new(&secrets(config))
}

/// Nobody is sent anywhere without a partner, and where there is a partner there is a secret.
fn matching_secret(config: &Config) -> &[u8] {
    config.matching.secret.as_deref().map_or(&[], |secret| secret.expose_secret())
}

/// The partners of the configuration. A limit that is as it was `before` goes on counting.
pub fn partners(config: &Config, before: Option<&Partners>) -> Partners {
    let partner = |partner: &config::Partner| {
        let known = before.and_then(|before| before.get(partner.id)).and_then(|known| known.limit.clone());
        let settings = PartnerSettings {
            id: partner.id,
            name: partner.name.clone(),
            kinds: partner.kinds,
            listing: partner.listing,
            takes_unsigned: partner.unsigned,
            id_pattern: partner.id_pattern.clone(),
            id_chars_max: partner.id_chars_max,
            image: partner.image.clone(),
            iframe: partner.iframe.clone(),
            pixels: partner.pixels.clone(),
            callbacks: partner.callbacks.clone(),
            priority: partner.priority,
            rematch_after_ms: u64::try_from(partner.rematch.as_millis()).unwrap_or(u64::MAX),
            pairwise_epoch: partner.pairwise_epoch,
            limit: partner.limit.map(|limit| match_limit(limit, known)),
            targeting: targeting::terms(&partner.targeting),
        };
        let signing = partner.secret.as_deref().map(|secret| secret.expose_secret());
        Partner::new(settings, matching_secret(config), signing)
    };
    Partners::new(config.partners.iter().map(partner).collect())
}

fn match_limit(limit: config::PartnerLimit, known: Option<MatchLimit>) -> MatchLimit {
    let config::PartnerLimit { per_s, burst } = limit;
    let same = known.filter(|known| (known.per_s, known.burst) == (per_s, burst));
    same.unwrap_or_else(|| {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let one = OneLimit::new(Rate { per_second: number(per_s), burst: number(burst) });
        MatchLimit { per_s, burst, takes: Arc::new(move |now| one.takes(now)) }
    })
}

fn daa_key(config: &Config) -> Result<MacKey, AppError> {
    let key = config.cookie_keys.first().ok_or_else(no_cookie_key)?;
    Ok(MacKey::derive(key.secret.expose_secret(), "daa"))
}

fn secrets(config: &Config) -> Vec<(u32, Vec<u8>)> {
    config.cookie_keys.iter().map(|key| (key.id, key.secret.expose_secret().to_vec())).collect()
}

pub(super) fn no_cookie_key() -> AppError {
    AppError::Part("there is no cookie key".to_owned())
}

fn geo(path: &Path) -> Result<Geo, AppError> {
    let refuse = |error: String| AppError::Part(format!("the country database {}: {error}", path.display()));
    let database = read(path).map_err(|error| refuse(error.to_string()))?;
    Geo::new(database).map_err(|error| refuse(error.to_string()))
}

fn dnt_policy(path: &Path) -> Result<String, AppError> {
    let refuse = |error: String| AppError::Part(format!("the DNT policy {}: {error}", path.display()));
    let text = read(path).map_err(|error| refuse(error.to_string()))?;
    String::from_utf8(text).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DevOptions;

    #[test]
    fn a_reload_takes_the_new_settings_and_keeps_the_compiled_crawlers() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let options = DevOptions { data_dir: Some(data.path().join("data")), ..DevOptions::default() };
        let config = Config::dev(options);
        let mut shared = Shared::build(&config, Environment::system()).expect("the parts of a server");
        let before = shared.live.load_full();
        let mut changed = config.clone();
        changed.cookie.name = "other".to_owned();
        let operation = shared.operation(Box::new(move || Ok(changed.clone())));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(operation.reload_on_signal()).expect("the settings are good");
        let after = shared.live.load_full();
        assert_eq!(after.cookie_name, "other");
        assert!(Arc::ptr_eq(&before.crawlers, &after.crawlers));
    }
}
