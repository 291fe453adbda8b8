//! Load, comparison and crash tests of the server, from outside.
//!
//! Talks to the server through its command line and its sockets only, so that it believes nothing but what a
//! user of the server could see. Only `decode`, `matches` and `export` call the server's library, to
//! measure a part of it by itself or to fill a log quickly.

mod bits;
mod chaos;
mod cli;
mod client;
mod compare;
mod console;
mod decode;
mod drive;
mod export;
mod fill;
mod gpp_string;
mod guess;
mod matches;
mod pin;
mod process;
mod random;
mod report;
mod run;
mod target;
mod tc_string;
mod upload;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::console::Console;

/// How a command ended, short of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    /// A promise was broken or a limit missed.
    Broken,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.json);
    let verdict = match &cli.command {
        Command::Run(args) => run::run(args, console),
        Command::Compare(args) => compare::run(args, console),
        Command::Chaos(args) => chaos::run(args, console),
        Command::Decode(args) => decode::run(args, console),
        Command::Matches(args) => matches::run(args, console),
        Command::Upload(args) => upload::run(args, console),
        Command::Export(args) => export::run(args, console),
        Command::Guess(args) => guess::run(args, console),
        Command::BareHyper(args) => compare::bare_hyper::serve(args.listen),
        Command::Spin => loop {
            std::hint::spin_loop();
        },
    };
    match verdict {
        Ok(Verdict::Kept) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::from(1),
        Err(error) => {
            console::complain(&error);
            ExitCode::from(2)
        }
    }
}
