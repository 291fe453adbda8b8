//! `pixelgate serve`: the server itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{CliError, Io};
use crate::app::{self, Reread};
use crate::config::{Account, Config, DevOptions, EventTag, Link, Mode, Pixel, load_vendor_list};
use crate::domain::attribution::Windows;

/// Run the server until it is told to stop (SIGTERM or SIGINT).
///
/// With --dev it needs no file, no TLS and no database, and starts with the same fixed accounts every time. SIGHUP
/// reads the configuration and the certificates again; a bad one is reported, and the old one stays.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["config", "dev"]))]
#[command(after_help = "Examples:\n  pixelgate serve --config pixelgate.toml\n  \
    pixelgate serve --dev --listen 127.0.0.1:8080 --data-dir /tmp/pixelgate")]
pub(super) struct Args {
    /// The configuration (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use the fixed development configuration.
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    dev_options: DevArgs,
    /// Print what it started with as one line of JSON, once it listens.
    #[arg(long)]
    json: bool,
}

/// What may differ in development mode.
#[derive(Debug, clap::Args)]
struct DevArgs {
    /// Where pixels are served in development mode [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS", requires = "dev")]
    listen: Option<SocketAddr>,
    /// Where the admin listener is in development mode [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDRESS", requires = "dev")]
    admin_listen: Option<SocketAddr>,
    /// Where the log is kept in development mode [default: pixelgate-dev].
    #[arg(long, value_name = "DIR", requires = "dev")]
    data_dir: Option<PathBuf>,
    /// Use this vendor list (GVL v3 JSON) in development mode, of whatever age [default: a made-up one].
    #[arg(long, value_name = "FILE", requires = "dev")]
    gvl: Option<PathBuf>,
    /// How many threads serve pixels in development mode [default: one for every core].
    #[arg(long, value_name = "N", requires = "dev", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Turn the rate limits on in development mode.
    #[arg(long, requires = "dev")]
    rate_limits: bool,
}

pub(super) fn run(args: Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (config, reread): (Config, Reread) = match args.config {
        Some(path) => {
            (Config::load(&path)?, Box::new(move || Config::load(&path).map_err(|error| error.to_string())))
        }
        None => {
            let options = DevOptions::from(args.dev_options);
            if let Some(path) = &options.vendor_list {
                // A server starts without one, but whoever names one here wants it.
                load_vendor_list(path).map_err(CliError::DevVendorList)?;
            }
            (Config::dev(options.clone()), Box::new(move || Ok(Config::dev(options.clone()))))
        }
    };
    if !args.json {
        write_listing(&config, io)?;
    }
    let listing = args.json.then(|| listing_json(&config));
    let schemes = [&config.public, &config.admin].map(|listener| match listener.tls {
        Some(_) => "https",
        None => "http",
    });
    let mut written = Ok(());
    app::run(config, reread, |running| {
        let addresses = [running.public, running.admin];
        let [public, admin] = [0, 1].map(|at| format!("{}://{}", schemes[at], addresses[at]));
        written = write_addresses(listing, &public, &admin, io);
    })?;
    written
}

/// The last line before the first request may come, or the two last.
fn write_addresses(
    listing: Option<Value>,
    public: &str,
    admin: &str,
    io: &mut Io<'_>,
) -> Result<(), CliError> {
    match listing {
        Some(mut listing) => {
            listing["public"] = public.into();
            listing["admin"] = admin.into();
            writeln!(io.out, "{listing}")?;
        }
        None => writeln!(io.out, "listening on {public}\nadmin on {admin}")?,
    }
    Ok(io.out.flush()?)
}

/// The same as [`write_listing`], for programs.
fn listing_json(config: &Config) -> Value {
    let tag = |tag: &EventTag| {
        json!({"id": tag.id.to_string(), "name": tag.name, "type": tag.event.name(),
               "click_window": tag.windows.click_days, "view_through_window": tag.windows.view_days})
    };
    let pixel = |pixel: &Pixel| {
        let tags: Vec<Value> = pixel.event_tags.iter().map(tag).collect();
        json!({"id": pixel.id.to_string(), "origins": pixel.origins, "event_tags": tags})
    };
    let account = |account: &Account| {
        let country = account.country.as_ref().map(|country| country.code());
        let pixels: Vec<Value> = account.pixels.iter().map(pixel).collect();
        let links: Vec<Value> = account.links.iter().map(link_json).collect();
        json!({"id": account.id.to_string(), "name": account.name, "country": country, "pixels": pixels,
               "links": links})
    };
    json!({
        "data_dir": config.data_dir.display().to_string(),
        "default_regime": config.policy.default_regime.name(),
        "vendor_id": config.policy.vendor_id,
        "vendor_list": config.vendor_list.as_ref().map(ToString::to_string),
        "accounts": config.accounts.iter().map(account).collect::<Vec<_>>(),
    })
}

fn link_json(link: &Link) -> Value {
    json!({"name": link.name.as_str(), "landing_page": link.landing_page.to_string(),
           "campaign_id": link.campaign_id.to_string(), "line_item_id": link.line_item_id.to_string()})
}

impl From<DevArgs> for DevOptions {
    fn from(args: DevArgs) -> Self {
        let DevArgs { listen, admin_listen, data_dir, gvl: vendor_list, workers, rate_limits } = args;
        Self { listen, admin_listen, data_dir, workers: workers.map(usize::from), vendor_list, rate_limits }
    }
}

/// What the server starts with, for people.
fn write_listing(config: &Config, io: &mut Io<'_>) -> Result<(), CliError> {
    let regime = config.policy.default_regime.name();
    writeln!(io.out, "data directory {}, default regime {regime}", config.data_dir.display())?;
    if let (Some(id), Some(list)) = (config.policy.vendor_id, &config.vendor_list) {
        writeln!(io.out, "vendor {id}, vendor list: {list}")?;
    }
    for account in &config.accounts {
        write_account(account, io)?;
    }
    if config.mode == Mode::Development {
        writeln!(io.out, "development mode: the keys are public, the admin token is dev-admin-token")?;
    }
    Ok(())
}

fn write_account(account: &Account, io: &mut Io<'_>) -> Result<(), CliError> {
    let country = account.country.map(|country| format!(", country {}", country.code())).unwrap_or_default();
    writeln!(io.out, "account {} \"{}\"{country}", account.id, account.name)?;
    for pixel in &account.pixels {
        writeln!(io.out, "  pixel {}, origins {}", pixel.id, pixel.origins.join(" "))?;
        for tag in &pixel.event_tags {
            let Windows { click_days: click, view_days: view } = tag.windows;
            writeln!(io.out, "    event tag {} {} (click {click}, view {view} days)", tag.id, tag.event)?;
        }
    }
    for Link { name, landing_page, campaign_id, line_item_id } in &account.links {
        writeln!(
            io.out,
            "  ad link /c/{name} to {landing_page} (campaign {campaign_id}, line item {line_item_id})"
        )?;
    }
    Ok(())
}
