//! `pixelgate log`: whether a log is whole, and what to do if it is not.

use std::path::PathBuf;

use serde_json::json;

use super::progress::spinner;
use super::{CliError, Io};
use crate::storage::verify::{self, FileReport, Repaired, Verification};

/// Check a log, or give up what is damaged in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate log verify --data-dir pixelgate-dev")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read every entry and check it; changes nothing. Ends with 1 if the log would not open.
    #[command(after_help = "Example:\n  pixelgate log verify --data-dir pixelgate-dev --json")]
    Verify(Directory),
    /// Make a damaged log one that opens; the server must not be running.
    #[command(after_help = "Example:\n  pixelgate log repair --data-dir pixelgate-dev --accept-loss")]
    Repair {
        #[command(flatten)]
        directory: Directory,
        /// Give up what cannot be read. Without it nothing is changed.
        #[arg(long)]
        accept_loss: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Directory {
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.command {
        Command::Verify(directory) => verify(directory, io),
        Command::Repair { directory, accept_loss } => repair(directory, *accept_loss, io),
    }
}

fn verify(directory: &Directory, io: &mut Io<'_>) -> Result<(), CliError> {
    let progress = spinner("checking the log");
    let verification = verify::verify(&directory.data_dir)
        .map_err(|source| CliError::Directory { path: directory.data_dir.clone(), source })?;
    progress.finish_and_clear();
    if directory.json {
        writeln!(io.out, "{}", as_json(&verification))?;
    } else {
        write_verification(&verification, io)?;
    }
    if verification.is_whole() {
        Ok(())
    } else {
        Err(CliError::Negative("the log is damaged; `pixelgate log repair` may help".to_owned()))
    }
}

/// One line a file, then the verdict.
pub(super) fn write_verification(verification: &Verification, io: &mut Io<'_>) -> Result<(), CliError> {
    for file in &verification.files {
        writeln!(io.out, "{}", describe(file))?;
    }
    writeln!(io.out, "{} file(s) in use, {} ready", verification.files.len(), verification.spare_files)?;
    if let Some(why) = &verification.broken_chain {
        writeln!(io.out, "the files do not make up a log: {why}")?;
    }
    let verdict = if verification.is_whole() { "the log is whole" } else { "the log is damaged" };
    writeln!(io.out, "{verdict}")?;
    Ok(())
}

fn describe(file: &FileReport) -> String {
    let FileReport { name, frames, bytes, first_bad_offset, bad_bytes, is_corrupt, is_rewritten } = file;
    let state = match first_bad_offset {
        None if *is_rewritten => "whole, rewritten without what was erased or past its time".to_owned(),
        None => "whole".to_owned(),
        Some(at) if *is_corrupt => format!("DAMAGED: {bad_bytes} bytes from {at}"),
        Some(at) => format!("unfinished write of {bad_bytes} bytes at {at}; the next start cuts it off"),
    };
    format!("{name}  {frames:>9} entries  {bytes:>11} bytes  {state}")
}

pub(super) fn as_json(verification: &Verification) -> serde_json::Value {
    let file = |file: &FileReport| {
        let FileReport { name, frames, bytes, first_bad_offset, bad_bytes, is_corrupt, is_rewritten } = file;
        json!({"name": name, "frames": frames, "bytes": bytes, "first_bad_offset": first_bad_offset,
               "bad_bytes": bad_bytes, "is_corrupt": is_corrupt, "is_rewritten": is_rewritten})
    };
    json!({
        "is_whole": verification.is_whole(),
        "files": verification.files.iter().map(file).collect::<Vec<_>>(),
        "spare_files": verification.spare_files,
        "broken_chain": verification.broken_chain,
    })
}

fn repair(directory: &Directory, accept_loss: bool, io: &mut Io<'_>) -> Result<(), CliError> {
    let progress = spinner("repairing the log");
    let repaired = verify::repair(&directory.data_dir, accept_loss)?;
    progress.finish_and_clear();
    let Repaired { skipped_bytes, files_set_aside, files_relinked } = repaired;
    if directory.json {
        let json = json!({"skipped_bytes": skipped_bytes, "files_set_aside": files_set_aside,
                          "files_relinked": files_relinked});
        writeln!(io.out, "{json}")?;
    } else if repaired == Repaired::default() {
        writeln!(io.out, "nothing was wrong; nothing was changed")?;
    } else {
        writeln!(
            io.out,
            "{skipped_bytes} damaged bytes are skipped from now on, {files_set_aside} file(s) set aside as .lost, \
             {files_relinked} relinked; the log opens again"
        )?;
    }
    Ok(())
}
