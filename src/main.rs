//! Arguments -> configuration -> server.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use pixelgate::cli::{self, Cli, Io};

/// A hit takes and gives back about twenty small pieces of memory.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (mut input, mut out) = (std::io::stdin(), std::io::stdout());
    match cli::run(cli, &mut Io { input: &mut input, out: &mut out }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            if code != 0 {
                // Nobody is left to be told where standard error cannot be written to, either.
                let _ = writeln!(std::io::stderr(), "pixelgate: {:#}", anyhow::Error::new(error));
            }
            ExitCode::from(code)
        }
    }
}
