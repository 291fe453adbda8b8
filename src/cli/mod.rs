//! The command line: one file a subcommand.
//!
//! Everything goes out through one [`Write`], so that a test reads what a person would. Nothing outside `cli` and
//! `main` imports this.

mod check_config;
mod demo;
mod erase;
pub mod explain;
mod export;
mod fetch;
mod gvl;
mod inspect;
mod keygen;
mod log;
mod optout;
mod partner;
mod place;
mod progress;
mod reindex;
mod serve;
mod snippet;
mod subject;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::app::{AppError, KeptError};
use crate::config::{Config, ConfigError, DevOptions, VendorListError};
use crate::storage::reader::ReadError;
use crate::storage::recovery::OpenError;
use crate::storage::verify::RepairError;

/// An edge server for conversion pixels that proves consent before it stores anything.
#[derive(Debug, Parser)]
#[command(name = "pixelgate", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 fine; 1 it failed, or what was looked for is wrong; 2 bad usage or configuration, nothing was done.

Try it:
  pixelgate demo";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Demo(demo::Args),
    CheckConfig(check_config::Args),
    Keygen(keygen::Args),
    Explain(explain::Args),
    Erase(erase::Args),
    Export(export::Args),
    Gvl(gvl::Args),
    Inspect(inspect::Args),
    Log(log::Args),
    Reindex(reindex::Args),
    Optout(optout::Args),
    Partner(partner::Args),
    Snippet(snippet::Args),
}

/// What a command reads and writes.
pub struct Io<'a> {
    pub input: &'a mut dyn Read,
    pub out: &'a mut dyn Write,
}

/// Runs one command. What is meant for people or programs is on `io.out`; what went wrong is in the error.
pub fn run(cli: Cli, io: &mut Io<'_>) -> Result<(), CliError> {
    match cli.command {
        Command::Serve(args) => serve::run(args, io),
        Command::Demo(args) => demo::run(&args, io),
        Command::CheckConfig(args) => check_config::run(&args, io),
        Command::Keygen(args) => keygen::run(&args, io),
        Command::Explain(args) => explain::run(&args, io),
        Command::Erase(args) => erase::run(&args, io),
        Command::Export(args) => export::run(&args, io),
        Command::Gvl(args) => gvl::run(&args, io),
        Command::Inspect(args) => inspect::run(&args, io),
        Command::Log(args) => log::run(&args, io),
        Command::Reindex(args) => reindex::run(&args, io),
        Command::Optout(args) => optout::run(&args, io),
        Command::Partner(args) => partner::run(&args, io),
        Command::Snippet(args) => snippet::run(&args, io),
    }
}

/// The server's configuration; without a file that of development mode.
fn config_or_dev(path: Option<&Path>) -> Result<Config, CliError> {
    match path {
        Some(path) => Ok(Config::load(path)?),
        None => Ok(Config::dev(DevOptions::default())),
    }
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for makes no sense; nothing was done.
    #[error("{0}")]
    Usage(String),
    /// The answer is out already, and it is "no".
    #[error("{0}")]
    Negative(String),
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error("the data directory {path} could not be read", path = .path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// Named on the command line of a server.
    #[error(transparent)]
    DevVendorList(VendorListError),
    #[error(transparent)]
    VendorList(#[from] VendorListError),
    #[error("the vendor list could not be put at {path}", path = .path.display())]
    Install { path: PathBuf, source: io::Error },
    #[error("what was exported could not be put at {path}", path = .path.display())]
    Export { path: PathBuf, source: io::Error },
    #[error("the demo's pages cannot be served")]
    Pages(#[source] io::Error),
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
}

impl CliError {
    /// As documented under `--help`.
    pub fn exit_code(&self) -> u8 {
        match self {
            // A certificate, a country database or a vendor list that the configuration names and that is not there.
            Self::App(AppError::Part(_) | AppError::Kept(_)) => 2,
            Self::Config(_) | Self::Usage(_) | Self::DevVendorList(_) | Self::Kept(_) => 2,
            // Whoever read the answer has seen enough: `pixelgate export … | head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// What the command line `line` prints, and the code it ends with.
    pub(super) fn command(line: &[&str], input: &str) -> (String, u8) {
        let cli = Cli::try_parse_from(["pixelgate"].iter().chain(line)).expect("a valid command line");
        let mut out = Vec::new();
        let result = run(cli, &mut Io { input: &mut input.as_bytes(), out: &mut out });
        let code = result.map_or_else(|error| error.exit_code(), |()| 0);
        (String::from_utf8(out).expect("commands print text"), code)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{} has none", command.get_name());
        }
    }
}
