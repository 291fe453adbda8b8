//! The development configuration: the same fixed things every time.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::limits::RateLimits;
use super::{Config, Mode, VendorListSource};

/// What `serve --dev` lets one change.
#[derive(Debug, Clone, Default)]
pub struct DevOptions {
    /// `None`: 127.0.0.1:8080.
    pub listen: Option<SocketAddr>,
    /// `None`: 127.0.0.1:8081.
    pub admin_listen: Option<SocketAddr>,
    /// `None`: `pixelgate-dev` in the working directory.
    pub data_dir: Option<PathBuf>,
    /// `None`: one for every core.
    pub workers: Option<usize>,
    /// A vendor list (GVL v3 JSON); `None`: the made-up one.
    pub vendor_list: Option<PathBuf>,
    /// Off unless asked for, so that a test may hammer.
    pub rate_limits: bool,
}

/// The file that development mode stands for; also a complete example.
pub const DEV_TOML: &str = include_str!("dev.toml");

impl Config {
    pub fn dev(options: DevOptions) -> Self {
        let config = Self::read(DEV_TOML, &|_| None, Mode::Development);
        let mut config = config.expect("the development configuration has no mistake; a test reads it");
        config.public.listen = options.listen.unwrap_or(config.public.listen);
        config.admin.listen = options.admin_listen.unwrap_or(config.admin.listen);
        config.data_dir = options.data_dir.unwrap_or(config.data_dir);
        config.workers = options.workers;
        let list = options.vendor_list.map_or(VendorListSource::Development, VendorListSource::File);
        config.vendor_list = Some(list);
        config.rate_limits = options.rate_limits.then(RateLimits::default);
        config
    }
}

/// A directory of its own for every process, where the system keeps what may go away.
pub fn demo_data_dir() -> PathBuf {
    std::env::temp_dir().join(format!("pixelgate-demo-{}", std::process::id()))
}
