//! Configuration -> what listeners and the log are bounded by.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_rustls::rustls;

use super::AppError;
use crate::config::{self, Ack, Config, Listener};
use crate::http::limits::Limits;
use crate::http::proxy::TrustedProxies;
use crate::http::rate_limit::{Rate, RateLimits, Rates};
use crate::http::server::ServerOptions;
use crate::http::tls;
use crate::storage::durable::AckClass;
use crate::storage::options::{AckClasses, LogOptions, Retain};

pub(super) fn public_options(config: &Config) -> Result<ServerOptions, AppError> {
    let rate = |config: config::RateLimits| {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Rate { per_second: number(config.per_address_per_s), burst: number(config.per_address_burst) }
    };
    let rates = config.rate_limits.map(|limits| {
        let rate = Some(rate(limits));
        Rates { address: rate, opt_out: rate, ..Rates::default() }
    });
    Ok(ServerOptions {
        proxies: TrustedProxies::new(config.proxies.trusted.clone()),
        rate_limits: rates.map(|rates| Arc::new(RateLimits::new(&rates))),
        ..admin_options(config, &config.public)?
    })
}

/// How often somebody may try to authenticate. More than any operator needs, and less than any guessing does.
pub(super) fn authentications() -> RateLimits {
    let burst = const { NonZeroU32::new(10).expect("10 is not 0") };
    let rate = Some(Rate { per_second: NonZeroU32::MIN, burst });
    RateLimits::new(&Rates { address: rate, token: rate, ..Rates::default() })
}

/// How often somebody may have the log read for what is stored about them. Where nothing else is limited, neither is
/// this.
pub(super) fn lookup_limits(config: &Config) -> RateLimits {
    let burst = const { NonZeroU32::new(10).expect("10 is not 0") };
    let rate = Rate { per_second: NonZeroU32::MIN, burst };
    RateLimits::new(&Rates { address: config.rate_limits.map(|_| rate), ..Rates::default() })
}

/// Operators are limited only in their attempts to authenticate, and sit behind no proxy.
pub(super) fn admin_options(config: &Config, listener: &Listener) -> Result<ServerOptions, AppError> {
    Ok(ServerOptions {
        limits: limits(&config.limits),
        tls: tls(listener)?.map(|config| Arc::new(ArcSwap::new(config))),
        ..ServerOptions::default()
    })
}

fn limits(config: &config::Limits) -> Limits {
    let seconds = Duration::from_secs;
    // Configuration has checked the ranges; all of them fit.
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        head_bytes_max: size(config.head_bytes),
        uri_bytes_max: size(config.uri_bytes),
        query_params_max: size(config.query_parameters),
        cookie_bytes_max: size(config.cookie_bytes),
        first_byte: seconds(config.first_byte_s),
        head: seconds(config.head_s),
        tls_handshake: seconds(config.tls_handshake_s),
        body: seconds(config.body_s),
        body_bytes_per_s_min: small(config.body_rate_bytes_per_s),
        bodies_bytes_max: size(config.bodies_bytes),
        write_stall: seconds(config.write_stall_s),
        idle: seconds(config.idle_s),
        age: seconds(config.connection_age_s),
        h2_streams_max: small(config.http2_streams),
        h2_window_bytes: small(config.http2_window_bytes),
        h2_header_list_bytes_max: small(config.http2_header_list_bytes),
        connections_max: size(config.connections),
        connections_per_address_max: small(config.connections_per_address),
        drain: seconds(config.drain_s),
        ..Limits::default()
    }
}

pub(super) fn log_options(config: &Config) -> LogOptions {
    let class = |ack| match ack {
        Ack::Memory => AckClass::Memory,
        Ack::Os => AckClass::Os,
        Ack::Disk => AckClass::Disk,
    };
    LogOptions {
        file_bytes: config.log.file_bytes,
        ack: AckClasses {
            page_view: class(config.log.ack.page_view),
            conversion: class(config.log.ack.conversion),
            matches: class(config.log.ack.matches),
            touch: class(config.log.ack.touch),
        },
        queue_entries_max: config.log.queue_entries,
        retain: Retain {
            page_view: config.log.retain.page_view,
            conversion: config.log.retain.conversion,
            embed_view: config.log.retain.embed_view,
            matches: config.log.retain.matches,
            touch: config.log.retain.touch,
        },
        erase_within: config.erase_within,
        ..LogOptions::default()
    }
}

pub(super) fn tls(listener: &Listener) -> Result<Option<Arc<rustls::ServerConfig>>, AppError> {
    let Some(files) = &listener.tls else { return Ok(None) };
    let pem =
        |path: &Path| read(path).map_err(|error| AppError::Part(format!("{}: {error}", path.display())));
    let config = tls::load(&pem(&files.certificate)?, &pem(&files.key)?);
    config.map(Some).map_err(|error| AppError::Part(format!("{}: {error}", files.certificate.display())))
}

#[expect(clippy::disallowed_methods, reason = "what the configuration names is not in the data directory")]
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}
