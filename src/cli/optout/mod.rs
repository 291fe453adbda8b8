//! `pixelgate optout`: the people about whom nothing is stored.

mod place;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Value, json};

use self::place::Place;
use super::progress::spinner;
use super::subject::Named;
use super::{CliError, Io};
use crate::domain::opt_out::{OptOutView as _, Subject};
use crate::service::opt_out_list::{self, BadList};
use crate::storage::verify;

/// Opt people out on their behalf, from a list or one by one, and look up who has opted out.
///
/// Nobody is opted in again this way: only the people themselves can do that.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pixelgate optout import suppressed.csv --data-dir pixelgate-dev\n  \
    pixelgate optout import adhub-opt-outs.tsv.gz --data-dir pixelgate-dev\n  \
    pixelgate optout import suppressed.ndjson --admin 127.0.0.1:8081 --token-file token\n  \
    pixelgate optout check --data-dir pixelgate-dev --browser-id 0123456789abcdef0123456789abcdef")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Opt out the people that the arguments name.
    Add {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        place: Place,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Opt out everybody on a list; with a mistake anywhere in it, nobody.
    ///
    /// CSV has a header; JSON is one object a line. Names: browser_id, hashed_email, hashed_phone, device_id,
    /// hashed_device_id, partner_id with partner_user_id or hashed_partner_user_id. A row may have several of them. A
    /// partner's own file (.tsv) has no header: its number, a tab, its id for a person. A name that ends with .gz means
    /// that the file is compressed.
    Import(Import),
    /// Say who has opted out; ends with 1 unless all of them have.
    Check {
        #[command(flatten)]
        named: Named,
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print everybody who has opted out, as a list that `import` takes; who was erased since is left out.
    List {
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Import {
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Default: as the file's name ends: .csv, .ndjson, .jsonl or .tsv.
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    place: Place,
    /// Opt out everybody whom the good rows name, and tell of the others.
    #[arg(long)]
    skip_bad: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
    Ndjson,
    /// A partner's opt-out file: its number, a tab, its id for a person.
    PartnerTsv,
}

impl From<Format> for opt_out_list::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Ndjson => Self::Ndjson,
            Format::PartnerTsv => Self::PartnerTsv,
        }
    }
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.what {
        What::Add { named, place, json } => {
            let recorded = place.record(named.subjects().into_iter(), |_| ())?;
            tell(io, recorded, &[], *json)
        }
        What::Import(import) => self::import(import, io),
        What::Check { named, data_dir, json } => check(&named.subjects(), data_dir, *json, io),
        What::List { data_dir } => list(data_dir, io),
    }
}

/// Reads the file twice: a mistake on its last line must not leave half of it recorded.
fn import(import: &Import, io: &mut Io<'_>) -> Result<(), CliError> {
    let progress = spinner("rows looked at");
    let mut bad = Vec::new();
    for row in rows(import)? {
        progress.inc(1);
        match row {
            Ok(_) => {}
            Err(error @ (BadList::Io(_) | BadList::Column { .. })) => return Err(refuse(&[error])),
            Err(error) => bad.push(error),
        }
    }
    drop(progress);
    if !bad.is_empty() && !import.skip_bad {
        return Err(refuse(&bad));
    }
    let progress = spinner("people opted out");
    let subjects = rows(import)?.filter_map(Result::ok).flatten();
    let recorded = import.place.record(subjects, |count| progress.set_position(count))?;
    drop(progress);
    tell(io, recorded, &bad, import.json)
}

type Rows = Box<dyn Iterator<Item = Result<crate::service::subject::NamedSubjects, BadList>>>;

fn rows(import: &Import) -> Result<Rows, CliError> {
    let path = &import.file;
    let zipped = path.extension().is_some_and(|extension| extension == "gz");
    let name = if zipped { path.with_extension("") } else { path.clone() };
    let by_name = match name.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Some(Format::Csv),
        Some("ndjson" | "jsonl") => Some(Format::Ndjson),
        Some("tsv") => Some(Format::PartnerTsv),
        _ => None,
    };
    let format = import.format.or(by_name);
    let format =
        format.ok_or_else(|| CliError::Usage("say --format csv, ndjson or partner-tsv".to_owned()))?;
    let file = open(path).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
    let file = BufReader::new(file);
    let list: Box<dyn BufRead> =
        if zipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
    Ok(opt_out_list::read(format.into(), list))
}

#[expect(clippy::disallowed_methods, reason = "an operator's list is not in the data directory")]
fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

fn refuse(bad: &[BadList]) -> CliError {
    let shown: Vec<_> = bad.iter().take(BAD_SHOWN).map(ToString::to_string).collect();
    let more = bad.len().saturating_sub(BAD_SHOWN);
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    CliError::Usage(format!("{}{more}\nnobody was opted out", shown.join("\n")))
}

const BAD_SHOWN: usize = 20;

fn tell(io: &mut Io<'_>, recorded: u64, bad: &[BadList], as_json: bool) -> Result<(), CliError> {
    if as_json {
        let bad: Vec<_> = bad.iter().map(ToString::to_string).collect();
        writeln!(io.out, "{}", json!({"recorded": recorded, "ack": "disk", "bad": bad}))?;
    } else {
        bad.iter().try_for_each(|error| writeln!(io.out, "{error}"))?;
        writeln!(io.out, "{recorded} identifier(s) opted out; all of it is on the disk")?;
    }
    Ok(())
}

fn check(subjects: &[Subject], data_dir: &Path, as_json: bool, io: &mut Io<'_>) -> Result<(), CliError> {
    let opt_outs = verify::opt_outs(data_dir)?;
    let found: Vec<_> = subjects.iter().map(|&subject| (subject, opt_outs.is_opted_out(subject))).collect();
    for &(subject, is_out) in &found {
        if as_json {
            writeln!(io.out, "{}", json!({"subject": named(subject), "opted_out": is_out}))?;
        } else {
            let state = if is_out { "opted out" } else { "not opted out" };
            writeln!(io.out, "{} {}: {state}", subject.key_name(), subject.expose())?;
        }
    }
    match found.iter().filter(|(_, is_out)| !is_out).count() {
        0 => Ok(()),
        count => Err(CliError::Negative(format!("{count} of {} not opted out", found.len()))),
    }
}

fn list(data_dir: &Path, io: &mut Io<'_>) -> Result<(), CliError> {
    let opt_outs = verify::opt_outs(data_dir)?;
    opt_outs.subjects().try_for_each(|subject| writeln!(io.out, "{}", named(subject)))?;
    Ok(())
}

/// As a line of a list.
fn named(subject: Subject) -> Value {
    let mut line = json!({ subject.key_name(): subject.expose() });
    if let Some(partner) = subject.partner_id() {
        line["partner_id"] = partner.number().into();
    }
    line
}
