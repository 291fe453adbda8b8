//! `pixelgate partner`: what is known of audience partners' ids.

mod stats;
mod table;

use std::path::PathBuf;

use super::{CliError, Io};
use crate::app;
use crate::config::Config;
use crate::service::partners::Partners;
use crate::storage::real_disk::RealDisk;

/// Look at cookie matching with partners: how many matches there are, and what a partner may have of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pixelgate partner stats --config pixelgate.toml\n  \
    pixelgate partner table adhub --config pixelgate.toml | gzip > adhub.tsv.gz")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Stats(stats::Args),
    Table(table::Args),
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.what {
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
        let config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::dev(crate::config::DevOptions::default()),
        };
        let data_dir = self.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
        let config = app::with_registered(&config, &RealDisk, &data_dir)?;
        Ok((app::partners(&config, None), data_dir))
    }
}

fn unknown(name: &str) -> CliError {
    CliError::Usage(format!("no partner is called \"{name}\", by name or number"))
}
