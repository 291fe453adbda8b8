//! `pixelgate partner`: what is known of partners' ids.

mod check;
mod opt_outs;
mod output;
mod stats;
mod table;

use std::path::PathBuf;

use super::{CliError, Io, config_or_dev};
use crate::app;
use crate::config::Config;
use crate::service::partners::{Partner, Partners};
use crate::storage::real_disk::RealDisk;

/// Look at cookie matching with partners: whether it works, how many matches there are, and what a partner may have of
/// them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pixelgate partner check adhub --config pixelgate.toml\n  \
    pixelgate partner stats --config pixelgate.toml\n  \
    pixelgate partner opt-outs adhub --config pixelgate.toml --output adhub-opt-outs.tsv.gz\n  \
    pixelgate partner table adhub --config pixelgate.toml --output adhub.tsv.gz")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Check(check::Args),
    OptOuts(opt_outs::Args),
    Stats(stats::Args),
    Table(table::Args),
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.what {
        What::Check(args) => check::run(args, io),
        What::OptOuts(args) => opt_outs::run(args, io),
        What::Stats(args) => stats::run(args, io),
        What::Table(args) => table::run(args, io),
    }
}

/// Whose partners.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The server's configuration (TOML). Default: the one of development mode.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Default: the configuration's.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Whose {
    /// The partners, those of the admin API as well, and where what is known of them is.
    fn read(&self) -> Result<(Partners, PathBuf), CliError> {
        let (config, data_dir) = self.config()?;
        Ok((app::partners(&config, None), data_dir))
    }

    /// With the partners of the admin API.
    fn config(&self) -> Result<(Config, PathBuf), CliError> {
        let config = config_or_dev(self.config.as_deref())?;
        let data_dir = self.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
        Ok((app::with_kept(&config, &RealDisk, &data_dir)?, data_dir))
    }
}

/// One of them.
#[derive(Debug, clap::Args)]
struct OnePartner {
    /// The partner's name or number.
    partner: String,
    #[command(flatten)]
    whose: Whose,
}

impl OnePartner {
    fn among<'p>(&self, partners: &'p Partners) -> Result<&'p Partner, CliError> {
        let name = &self.partner;
        let unknown = || CliError::Usage(format!("no partner is called \"{name}\", by name or number"));
        partners.find(name).ok_or_else(unknown)
    }

    /// If it takes part in cookie matching.
    fn matched_among<'p>(&self, partners: &'p Partners) -> Result<&'p Partner, CliError> {
        self.among(partners)?;
        partners.find_matched(&self.partner).map_err(|why| CliError::Usage(why.text().to_owned()))
    }
}
