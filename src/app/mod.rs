//! The composition root: builds every part from the configuration, owns start and drain.
//!
//! One thread for each worker, each with a single-threaded runtime, a listener and an appender of its own, so that a
//! hit never leaves its thread but for the log. One more thread for the operators' listener.

mod ads_registry;
mod background;
mod deletion;
mod erase;
mod event_tags;
mod kept;
mod opt_out;
mod options;
mod partner_registry;
mod parts;
mod targeting;
mod vendor_list;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::{Config, Mode};
use crate::domain::time::{Clock, Rng};
use crate::http::admin::Admin;
use crate::service::account_settings::AccountSettingsService;
use crate::service::caller::Keys;
use crate::service::clock::SystemClock;
use crate::service::crypto::{SystemRng, same_secret};
use crate::service::dev::DevService;
use crate::service::erasure::ErasureService;
use crate::service::operation::Operation;
use crate::service::opt_out::OptOutService;
use crate::storage::disk::Disk;
use crate::storage::log::{CloseError, Log};
use crate::storage::real_disk::RealDisk;
pub use erase::erase;
pub use kept::KeptError;
pub use opt_out::opt_out;
use parts::Shared;
pub use parts::{identity, live, partners, receipts, with_kept};

/// Why the server did not start, or did not stop cleanly. Nothing of it is running any more.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("cannot open the log")]
    Log(#[from] crate::storage::recovery::OpenError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot start a thread or its runtime")]
    Runtime(#[source] std::io::Error),
    #[error("{0}")]
    Part(String),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error("the log was not closed cleanly")]
    Close(#[from] CloseError),
    #[error("a worker ended by a panic")]
    Panicked,
}

/// What comes from outside the process.
pub struct Environment {
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub disk: Arc<dyn Disk>,
}

impl Environment {
    /// The machine's own clock, randomness and disk.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), rng: Arc::new(SystemRng::new()), disk: Arc::new(RealDisk) }
    }
}

/// Reads the configuration again; what is wrong with it, for the operator.
pub type Reread = Box<dyn Fn() -> Result<Config, String> + Send>;

/// A server at work. Dropping it leaves it running until the process ends; [`Self::stop`] drains it.
pub struct Running {
    /// Where browsers are served; with the port that the system chose where the configuration says 0.
    pub public: SocketAddr,
    pub admin: SocketAddr,
    operation: Arc<Operation>,
    shutdown: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    log: Arc<Log>,
}

impl Running {
    /// Answers what is under way, then writes and syncs everything that was accepted.
    pub fn stop(self) -> Result<(), AppError> {
        self.operation.start_draining();
        self.shutdown.send_replace(true);
        let panicked = self.threads.into_iter().filter_map(|thread| thread.join().err()).count();
        // The threads are gone, and with them whoever asked the log for its readiness.
        let log = Arc::into_inner(self.log).expect("nobody else holds the log");
        log.close()?;
        if panicked > 0 { Err(AppError::Panicked) } else { Ok(()) }
    }
}

/// Starts everything, or nothing.
pub fn start(config: Config, environment: Environment, reread: Reread) -> Result<Running, AppError> {
    let mut shared = Shared::build(&config, environment)?;
    let listeners = worker::bind(config.public.listen, parts::workers(&config))?;
    let admin_listener = worker::bind(config.admin.listen, 1)?;
    let (public, admin) = (worker::address(&listeners)?, worker::address(&admin_listener)?);
    let (shutdown, stopped) = watch::channel(false);
    let operation = shared.operation(reread);
    let mut threads = Vec::with_capacity(listeners.len() + 1);
    for (number, listener) in listeners.into_iter().enumerate() {
        let (service, batcher) = shared.public();
        let options = shared.public_options.clone();
        threads.push(worker::spawn(
            format!("worker-{number}"),
            listener,
            service,
            options,
            stopped.clone(),
            batcher,
        )?);
    }
    for listener in admin_listener {
        let options = shared.admin_options.clone();
        let (erasure, batcher) = shared.erasure();
        let admin_service = admin_service(&config, &shared, operation.clone(), erasure);
        threads.push(worker::spawn(
            "admin".to_owned(),
            listener,
            admin_service,
            options,
            stopped.clone(),
            batcher,
        )?);
    }
    if let Some(work) = shared.work.take() {
        threads.push(work.spawn(stopped)?);
    }
    // Joined last: it ends when the workers before it have.
    threads.append(&mut shared.readers);
    Ok(Running { public, admin, operation, shutdown, threads, log: shared.log })
}

fn admin_service(
    config: &Config,
    shared: &Shared,
    operation: Arc<Operation>,
    erasure: ErasureService,
) -> Arc<Admin> {
    let token =
        config.admin_token.as_ref().map(|token| secrecy::ExposeSecret::expose_secret(token).to_owned());
    let dev = (config.mode == Mode::Development).then(|| DevService {
        journal: shared.journal.clone().unwrap_or_default(),
        data_dir: config.data_dir.clone(),
    });
    Arc::new(Admin {
        keys: Keys::new(token, same_secret),
        limits: options::authentications(),
        operation,
        opt_out: OptOutService { log: erasure.log.clone(), clock: erasure.clock.clone() },
        account_settings: AccountSettingsService { log: erasure.log.clone(), clock: erasure.clock.clone() },
        partners: shared.partners.clone(),
        campaigns: shared.ads.clone(),
        links: shared.ads.clone(),
        targeting: shared.targeting.clone(),
        erasure,
        explain: shared.explain(),
        dev,
    })
}

/// Starts the server, tells `ready` where it listens, and serves until SIGTERM or SIGINT; SIGHUP reloads.
pub fn run(config: Config, reread: Reread, ready: impl FnOnce(&Running)) -> Result<(), AppError> {
    crate::telemetry::init();
    let running = start(config, Environment::system(), reread)?;
    ready(&running);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Runtime)?;
    runtime.block_on(until_told_to_stop(&running.operation)).map_err(AppError::Runtime)?;
    tracing::info!("draining");
    running.stop()
}

async fn until_told_to_stop(operation: &Operation) -> Result<(), std::io::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup: Signal = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => match operation.reload_on_signal().await {
                Ok(()) => tracing::info!("reloaded"),
                Err(error) => tracing::error!(%error, "reload refused; the settings stay as they were"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn worker_threads_are_as_many_as_configured_or_as_there_are_cores() {
        let mut config = Config::dev(crate::config::DevOptions::default());
        assert_eq!(parts::workers(&config), thread::available_parallelism().map_or(1, usize::from));
        config.workers = Some(3);
        assert_eq!(parts::workers(&config), 3);
    }
}
