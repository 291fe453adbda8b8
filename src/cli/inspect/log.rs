//! `pixelgate inspect log`: files, kinds and times.

use std::path::PathBuf;

use serde_json::json;

use super::super::log::{as_json, write_verification};
use super::super::progress::spinner;
use super::{CliError, Io};
use crate::domain::time::Timestamp;
use crate::storage::entry::EntryKind;
use crate::storage::reader::{self, ReadError};
use crate::storage::verify;

/// Show the files of a log and how much of what is in them; names nobody.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect log --data-dir pixelgate-dev --json")]
pub(super) struct Args {
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let progress = spinner("rows read");
    let verification = verify::verify(&args.data_dir)
        .map_err(|source| CliError::Directory { path: args.data_dir.clone(), source })?;
    let mut summary = Summary::default();
    if verification.broken_chain.is_none() {
        for row in reader::read(&args.data_dir, reader::From::Start)? {
            progress.inc(1);
            match row {
                Ok(stored) => summary.count(stored.row.kind(), stored.at),
                // The files' own report has it.
                Err(ReadError::Damaged { .. } | ReadError::Unknown { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    progress.finish_and_clear();
    if args.json {
        writeln!(io.out, "{}", json!({"files": as_json(&verification), "entries": summary.as_json()}))?;
        return Ok(());
    }
    write_verification(&verification, io)?;
    summary.write(io)
}

#[derive(Default)]
struct Summary {
    /// In the order of [`EntryKind::ROWS`].
    counts: [u64; EntryKind::ROWS.len()],
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Summary {
    fn count(&mut self, kind: EntryKind, at: Timestamp) {
        let index = EntryKind::ROWS.iter().position(|known| *known == kind);
        self.counts[index.expect("ROWS has every kind that is read")] += 1;
        self.first = self.first.or(Some(at));
        self.last = Some(at);
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EntryKind::ROWS.map(EntryKind::name).into_iter().zip(self.counts)
    }

    fn as_json(&self) -> serde_json::Value {
        let kinds: serde_json::Map<_, _> =
            self.named().map(|(name, count)| (name.to_owned(), count.into())).collect();
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        json!({"kinds": kinds, "first_at": time(self.first), "last_at": time(self.last)})
    }

    fn write(&self, io: &mut Io<'_>) -> Result<(), CliError> {
        for (name, count) in self.named() {
            writeln!(io.out, "{name:<12} {count:>9}")?;
        }
        if let (Some(first), Some(last)) = (self.first, self.last) {
            writeln!(io.out, "from {first} to {last}")?;
        }
        Ok(())
    }
}
