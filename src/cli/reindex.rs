//! `pixelgate reindex`: derives what is derived from the log once more.

use std::path::PathBuf;

use serde_json::json;

use super::progress::spinner;
use super::{CliError, Io};
use crate::storage::recovery::Recovery;
use crate::storage::verify;

/// Derive the opt-outs and the known events from the log, as every start does, and say what is in them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate reindex --data-dir pixelgate-dev")]
pub(super) struct Args {
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let progress = spinner("reading the log");
    let recovery = verify::reindex(&args.data_dir)?;
    progress.finish_and_clear();
    let Recovery {
        files,
        entries,
        opt_outs,
        account_settings,
        pending_erasures,
        dedup_keys,
        match_rows,
        touches,
        torn_bytes,
        lost_bytes,
        discarded_files,
    } = recovery;
    if args.json {
        let json = json!({"files": files, "entries": entries, "opt_outs": opt_outs,
                          "account_settings": account_settings,
                          "pending_erasures": pending_erasures, "dedup_keys": dedup_keys, "match_rows": match_rows, "touches": touches,
                          "torn_bytes": torn_bytes, "lost_bytes": lost_bytes, "discarded_files": discarded_files});
        writeln!(io.out, "{json}")?;
    } else {
        writeln!(
            io.out,
            "{entries} entries in {files} file(s): {opt_outs} subject(s) opted out, {dedup_keys} keys of known events, \
             {match_rows} rows of the match table, {touches} ad touches, settings of {account_settings} account(s)"
        )?;
        if pending_erasures > 0 {
            writeln!(io.out, "{pending_erasures} erasure(s) to be done by the next start")?;
        }
        if torn_bytes + lost_bytes > 0 {
            writeln!(
                io.out,
                "{torn_bytes} bytes of unfinished writes, {lost_bytes} bytes that never were on the disk"
            )?;
        }
    }
    Ok(())
}
