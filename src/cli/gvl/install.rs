//! `pixelgate gvl install`: a new list takes the place of the old one, if it is better.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::place::place;
use super::super::{CliError, Io};
use super::{Whose, objections};
use crate::config::{VendorListError, load_vendor_list, read_vendor_list};
use crate::consent::policy::Policy;
use crate::consent::tcf::vendor_list::VendorList;
use crate::domain::time::Clock as _;
use crate::service::clock::SystemClock;
use crate::service::vendor_list::VendorListStatus;

/// Check a vendor list and put it where the server reads it.
///
/// The old list is replaced at once or not at all, also if the power fails. A running server takes the new one on
/// its next reload. Nothing is fetched: download the list with what you download other things with.
///
/// Refused are, with 1: what cannot be read or is no GVL v3, in any case; a list that is older than the one that is
/// installed, too old to count, from the future, or without us, unless --force is given. Ends with 2 if the
/// configuration has mistakes or names no vendor list.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["config", "to"]))]
#[command(after_help = "Examples:\n  pixelgate gvl install vendor-list.json --config pixelgate.toml\n  \
    pixelgate gvl install vendor-list.json --to /etc/pixelgate/vendor-list.json --vendor 755")]
pub(super) struct Args {
    /// The new list (GVL v3 JSON).
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    /// Where the list goes, instead of where a configuration says.
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
    /// Install it although it is older than the other, too old, from the future, or without us.
    #[arg(long)]
    force: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (mut policy, configured) = args.whose.policy()?;
    let to = args.to.clone().or(configured).ok_or_else(|| {
        CliError::Usage(
            "the configuration names no vendor list: write consent.vendor_list = \"…\"".to_owned(),
        )
    })?;
    let (list, text) = read_vendor_list(&args.file)?;
    let installed = installed(&to)?;
    policy.vendors = Some(Arc::new(list));
    let now = SystemClock.now();
    let status = VendorListStatus::of(&policy, now);
    let mut objections = objections(&policy, now);
    objections.extend(installed.as_ref().and_then(|installed| newer(installed, &policy)));
    let done = objections.is_empty() || args.force;
    if done {
        place(&to, |file| file.write_all(text.as_bytes()))
            .map_err(|source| CliError::Install { path: to.clone(), source })?;
    }
    let answer = Answer { done, status, objections, to, before: installed };
    if args.json {
        writeln!(io.out, "{}", answer.as_json())?;
    } else {
        answer.write(io)?;
    }
    if done { Ok(()) } else { Err(answer.refusal()) }
}

/// What became of it.
struct Answer {
    done: bool,
    status: VendorListStatus,
    objections: Vec<String>,
    to: PathBuf,
    /// The list that was there.
    before: Option<VendorList>,
}

impl Answer {
    fn write(&self, io: &mut Io<'_>) -> io::Result<()> {
        let [what, before] = if self.done { ["installed", "replaced"] } else { ["refused", "still there"] };
        writeln!(io.out, "{what}: {}", self.status)?;
        if let Some(list) = &self.before {
            writeln!(io.out, "{before}: version {} of {}", list.version(), list.last_updated())?;
        }
        if self.done {
            writeln!(io.out, "at {}\nnext: {NEXT}", self.to.display())?;
        }
        Ok(())
    }

    fn as_json(&self) -> Value {
        let before = self.before.as_ref();
        json!({
            "installed": self.done,
            "objections": self.objections,
            "path": self.to,
            "list": self.status,
            "before": before.map(|list| {
                json!({"version": list.version(), "last_updated": list.last_updated().to_string()})
            }),
            "next": self.done.then_some(NEXT),
        })
    }

    fn refusal(&self) -> CliError {
        let objections = self.objections.join("; ");
        CliError::Negative(format!("not installed: {objections} (--force installs it anyway)"))
    }
}

const NEXT: &str = "have the running server take it: POST /-/reload on its admin listener, or SIGHUP";

/// The list to be replaced. One that is none is nothing to hold a new one against.
fn installed(path: &Path) -> Result<Option<VendorList>, CliError> {
    match load_vendor_list(path) {
        Ok(list) => Ok(Some(list)),
        Err(VendorListError::Unusable { .. }) => Ok(None),
        Err(VendorListError::Unreadable { source, .. })
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says so if `installed` is newer than the policy's list.
fn newer(installed: &VendorList, policy: &Policy) -> Option<String> {
    let age = |list: &VendorList| (list.version(), list.last_updated());
    let (version, updated) = age(installed);
    let newer = policy.vendors.as_deref().is_some_and(|list| age(list) < age(installed));
    newer.then(|| format!("version {version} of {updated}, which is there, is newer"))
}
