//! `pixelgate erase`: removes what is stored about somebody.

use std::path::PathBuf;

use serde_json::json;

use super::progress::spinner;
use super::subject::Named;
use super::{CliError, Io};
use crate::app::{self, Environment};
use crate::storage::reader;

/// Erase all that is stored about somebody, in a data directory that no server is running on.
///
/// Returns when it is gone from every file. Whoever opted out stays opted out. A running server takes the same request
/// as POST /admin/erasures. Identifiers are hexadecimal digits, as exported.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pixelgate erase --data-dir pixelgate-dev --browser-id 0123456789abcdef0123456789abcdef\n  \
    printf %s jane@shop.example | sha256sum   # the argument of --hashed-email")]
pub(super) struct Args {
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    named: Named,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    // Opening a log would make the directory.
    drop(reader::read(&args.data_dir, reader::From::Start)?);
    let progress = spinner("erasing");
    let request = app::erase(&args.data_dir, Environment::system(), &args.named.subjects())?;
    progress.finish_and_clear();
    let erased_at = request.erased_at.map(|at| at.to_string());
    if args.json {
        let json = json!({"id": request.id.to_string(), "at": request.at.to_string(), "subjects": request.subjects,
                          "rows": request.rows, "erased_at": erased_at});
        writeln!(io.out, "{json}")?;
    } else {
        let (rows, subjects) = (request.rows, request.subjects);
        writeln!(io.out, "{rows} row(s) of {subjects} subject(s) erased; receipt {}", request.id)?;
    }
    Ok(())
}
