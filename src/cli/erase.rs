//! `pixelgate erase`: removes what is stored about somebody.

use std::path::PathBuf;

use serde_json::json;

use super::progress::spinner;
use super::subject::{Named, read};
use super::{CliError, Io};
use crate::app::{self, Environment};
use crate::domain::id::HashedAccountId;
use crate::domain::opt_out::Subject;
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
    /// SHA-256 of the id of the account that a person is signed in to; its settings go.
    #[arg(long, value_name = "SHA256", value_parser = read::<HashedAccountId>, group = "Named")]
    hashed_account_id: Vec<HashedAccountId>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    // Opening a log would make the directory.
    drop(reader::read(&args.data_dir, reader::From::Start)?);
    let progress = spinner("erasing");
    let accounts = args.hashed_account_id.iter().copied().map(Subject::SignedIn);
    let subjects: Vec<_> = args.named.subjects().into_iter().chain(accounts).collect();
    let request = app::erase(&args.data_dir, Environment::system(), &subjects)?;
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
