//! `pixelgate inspect`: what is in a cookie, a log or a TC string.

mod cookie;
mod log;
mod tcstring;

use super::{CliError, Io};

/// Show what is in a cookie, a log or a TC string.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect log --data-dir pixelgate-dev")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Cookie(cookie::Args),
    Log(log::Args),
    #[command(name = "tcstring")]
    TcString(tcstring::Args),
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.command {
        Command::Cookie(args) => cookie::run(args, io),
        Command::Log(args) => log::run(args, io),
        Command::TcString(args) => tcstring::run(args, io),
    }
}
