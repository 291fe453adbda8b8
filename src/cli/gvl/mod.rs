//! `pixelgate gvl`: the Global Vendor List, before a server reads it.
//!
//! Fetches nothing: which machine may ask IAB Europe for a list, and through what, is the operator's business.

mod install;
mod show;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{CliError, Io};
use crate::config::{Config, VendorListSource};
use crate::consent::policy::{Policy, Regime};
use crate::consent::tcf::purpose::IdSet;
use crate::consent::tcf::vendor_list::VendorDeclaration;
use crate::domain::time::Timestamp;

/// Look at a Global Vendor List, or install a new one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  curl -fO https://vendor-list.consensu.org/v3/vendor-list.json\n  \
    pixelgate gvl install vendor-list.json --config pixelgate.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Install(install::Args),
    Show(show::Args),
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.command {
        Command::Install(args) => install::run(args, io),
        Command::Show(args) => show::run(args, io),
    }
}

/// Who asks.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The server's configuration (TOML): who we are on the list, how old it may be, and where it is kept.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Our id on the list, where there is no configuration at hand.
    #[arg(long, value_name = "ID", conflicts_with = "config", value_parser = clap::value_parser!(u16).range(1..))]
    vendor: Option<u16>,
}

impl Whose {
    /// The policy that a list is held against, and where the configuration keeps its list.
    fn policy(&self) -> Result<(Policy, Option<PathBuf>), CliError> {
        let Some(path) = &self.config else {
            // No list depends on the regime.
            return Ok((Policy { vendor_id: self.vendor, ..Policy::new(Regime::Gdpr) }, None));
        };
        let config = Config::load(path)?;
        let installed = config.vendor_list.and_then(|source| match source {
            VendorListSource::File(path) => Some(path),
            VendorListSource::Development => None,
        });
        Ok((config.policy, installed))
    }
}

/// Why a server would not rely on the policy's list at `now`: sentences, none if it would.
fn objections(policy: &Policy, now: Timestamp) -> Vec<String> {
    let fault = policy.vendors_at(now).err().map(|fault| fault.to_string());
    let declaration = |id| policy.vendors.as_deref().and_then(|list| list.get(id));
    let vendor = policy.vendor_id.and_then(|id| match declaration(id) {
        None => Some(format!("vendor {id} is not on it")),
        Some(ours) => ours.deleted.then(|| format!("vendor {id} was deleted from it")),
    });
    fault.into_iter().chain(vendor).collect()
}

fn as_json(declaration: &VendorDeclaration) -> Value {
    let VendorDeclaration { consent, legitimate_interest, flexible, features, special_features, deleted } =
        declaration;
    let ids = |set: &IdSet| set.iter().collect::<Vec<_>>();
    json!({
        "consent": ids(consent), "legitimate_interest": ids(legitimate_interest), "flexible": ids(flexible),
        "features": ids(features), "special_features": ids(special_features), "deleted": deleted
    })
}

#[cfg(test)]
mod tests;
