//! `pixelgate export`: what the log holds, as text or as Parquet files.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::progress::spinner;
use super::{CliError, Io};
use crate::domain::id::EventId;
use crate::storage::entry::EntryKind;
use crate::storage::export;
use crate::storage::export::Csv;
use crate::storage::options::LogOptions;
use crate::storage::reader::{self, ReadError, Stored};
#[cfg(feature = "parquet")]
use crate::storage::real_disk::RealDisk;
use crate::storage::recompute::Recomputed;

/// Print what was stored, oldest first; works whether or not a server is running on the directory.
///
/// Ends with 1 if a part of the log could not be read; what could is printed all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pixelgate export --data-dir pixelgate-dev --format ndjson\n  \
    pixelgate export --data-dir pixelgate-dev --format csv --kind conversion > conversions.csv\n  \
    pixelgate export --data-dir pixelgate-dev --format parquet --output export")]
pub(super) struct Args {
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// `ndjson` is one JSON object a line, `parquet` a directory of files.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Where `parquet` goes: a directory that is empty or not there. Others go to standard output.
    #[arg(long, value_name = "DIR", required_if_eq("format", "parquet"))]
    output: Option<PathBuf>,
    /// Only what was stored after the event of this id (a UUID, as exported).
    #[arg(long, value_name = "ID", value_parser = event_id)]
    after: Option<EventId>,
    /// Only these kinds: page_view, conversion, opt_out, embed_view, match, unmatch, settings,
    /// touch.
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', value_parser = entry_kind)]
    kinds: Vec<EntryKind>,
    /// Credit conversions to ads anew, by all that the log has now. Stored credits are what was known when each was stored.
    #[arg(long)]
    recompute_credit: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Ndjson,
    Csv,
    Parquet,
}

fn event_id(text: &str) -> Result<EventId, String> {
    text.parse().map_err(|error: crate::domain::id::InvalidId| error.to_string())
}

fn entry_kind(name: &str) -> Result<EntryKind, String> {
    let found = EntryKind::ROWS.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| format!("expected one of {}", EntryKind::ROWS.map(EntryKind::name).join(", ")))
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let is_text = args.format != Format::Parquet;
    if is_text && args.output.is_some() {
        return Err(CliError::Usage("--output is for --format parquet".to_owned()));
    }
    let rows = reader::read(&args.data_dir, reader::From::Start)?;
    let rows: Box<dyn Iterator<Item = _>> = if args.recompute_credit {
        Box::new(Recomputed::new(rows, LogOptions::default().touches_max))
    } else {
        Box::new(rows)
    };
    // On a terminal rows of text themselves show that something is going on.
    let shows_itself = is_text && io::stdout().is_terminal();
    let progress = (!shows_itself).then(|| spinner("rows read"));
    let mut choice = Choice { after: args.after, kinds: &args.kinds, damage: Vec::new() };
    let rows = rows.inspect(|_| progress.iter().for_each(|bar| bar.inc(1)));
    let mut rows = rows.filter_map(|row| choice.take(row));
    match args.format {
        Format::Ndjson => {
            rows.try_for_each(|row| export::write_ndjson(&row?, &mut *io.out).map_err(CliError::from))
        }
        Format::Csv => write_csv(rows, io),
        Format::Parquet => write_parquet(rows, args.output.as_deref().unwrap_or(Path::new("."))),
    }?;
    choice.end()
}

fn write_csv(rows: impl Iterator<Item = Result<Stored, CliError>>, io: &mut Io<'_>) -> Result<(), CliError> {
    let mut csv = Csv::new(&mut *io.out)?;
    for row in rows {
        csv.write(&row?)?;
    }
    Ok(csv.finish()?)
}

#[cfg(feature = "parquet")]
fn write_parquet(rows: impl Iterator<Item = Result<Stored, CliError>>, dir: &Path) -> Result<(), CliError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty => {
            CliError::Usage(format!("{} has something in it already", dir.display()))
        }
        _ => CliError::Export { path: dir.to_owned(), source },
    };
    let mut files = export::ParquetFiles::create(&RealDisk, dir.to_owned()).map_err(failed)?;
    for row in rows {
        files.write(&row?).map_err(failed)?;
    }
    files.finish().map_err(failed)
}

#[cfg(not(feature = "parquet"))]
fn write_parquet(_: impl Iterator<Item = Result<Stored, CliError>>, _: &Path) -> Result<(), CliError> {
    let how = "`cargo run --release --features parquet -- export …` has it";
    Err(CliError::Usage(format!("this program was built without Parquet; {how}")))
}

/// Which rows are wanted, and what was in the way.
struct Choice<'a> {
    /// The event that has not come yet.
    after: Option<EventId>,
    /// Empty: all.
    kinds: &'a [EntryKind],
    damage: Vec<ReadError>,
}

impl Choice<'_> {
    fn take(&mut self, row: Result<Stored, ReadError>) -> Option<Result<Stored, CliError>> {
        let stored = match row {
            Ok(stored) => stored,
            Err(error @ (ReadError::Damaged { .. } | ReadError::Unknown { .. })) => {
                self.damage.push(error);
                return None;
            }
            Err(error) => return Some(Err(error.into())),
        };
        if let Some(after) = self.after {
            if stored.row.event_id() == Some(after) {
                self.after = None;
            }
            return None;
        }
        (self.kinds.is_empty() || self.kinds.contains(&stored.row.kind())).then_some(Ok(stored))
    }

    fn end(self) -> Result<(), CliError> {
        if let Some(id) = self.after {
            return Err(CliError::Negative(format!("there is no event {id} in the log")));
        }
        match &self.damage[..] {
            [] => Ok(()),
            [first, ..] => {
                let count = self.damage.len();
                Err(CliError::Negative(format!(
                    "{count} part(s) of the log could not be read, the first: {first}"
                )))
            }
        }
    }
}
