//! `pixelgate gvl show`: what a list says, and whether a server would rely on it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{CliError, Io};
use super::{Whose, as_json, objections};
use crate::config::load_vendor_list;
use crate::domain::time::Clock as _;
use crate::service::clock::SystemClock;
use crate::service::vendor_list::VendorListStatus;

/// Show what a vendor list says, and whether a server would rely on it.
///
/// Ends with 1 if the file cannot be read or is no GVL v3, if the list is too old or from the future, or if we are
/// not on it or were deleted from it; with 2 if the configuration has mistakes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pixelgate gvl show vendor-list.json\n  \
    pixelgate gvl show vendor-list.json --vendor 755 --json")]
pub(super) struct Args {
    /// The list (GVL v3 JSON).
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (mut policy, _) = args.whose.policy()?;
    let list = Arc::new(load_vendor_list(&args.file)?);
    policy.vendors = Some(list.clone());
    let now = SystemClock.now();
    let status = VendorListStatus::of(&policy, now);
    let ours = policy.vendor_id.and_then(|id| list.get(id));
    if args.json {
        let ours = ours.map_or(Value::Null, as_json);
        writeln!(io.out, "{}", json!({"list": status, "declaration": ours}))?;
    } else {
        writeln!(io.out, "{status}")?;
        if let Some(ours) = ours {
            writeln!(io.out, "consent: {}", ours.consent)?;
            writeln!(io.out, "legitimate interest: {}", ours.legitimate_interest)?;
            writeln!(io.out, "either of them: {}", ours.flexible)?;
            writeln!(io.out, "features: {}", ours.features)?;
            writeln!(io.out, "special features: {}", ours.special_features)?;
        }
    }
    match &*objections(&policy, now) {
        [] => Ok(()),
        objections => Err(CliError::Negative(objections.join("; "))),
    }
}
