//! `pixelgate explain`: the decision about one request, rule by rule. Stores nothing.

mod paste;
mod shell;
mod table;

use std::path::PathBuf;

use serde_json::json;

pub use paste::{PasteError, Pasted};
pub use table::Decision;

use super::{CliError, Io};

/// Print the decision about one request, rule by rule; nothing is stored.
///
/// Takes an address, a curl command (as browsers copy it), or a raw HTTP request: as an argument, or on standard
/// input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pixelgate explain '/i/adsct?txn_id=o8z6j&gdpr=1'\n  \
    pixelgate explain \"curl -H 'Sec-GPC: 1' 'http://px.localhost:8080/i/adsct?txn_id=o8z6j'\"\n  \
    pixelgate explain --country DE < request.txt")]
pub(super) struct Args {
    /// The request; standard input if it is left out.
    request: Option<String>,
    /// Decide as this configuration (TOML) does; without it, as `serve --dev` does.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The client's country, as a trusted proxy would name it.
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// Print the decision as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let text = match &args.request {
        Some(text) => text.clone(),
        None => std::io::read_to_string(&mut *io.input)?,
    };
    let request = Pasted::parse(&text).map_err(|error| CliError::Usage(error.to_string()))?;
    let decisions: Vec<Decision> = Vec::new();
    if args.json {
        let decisions: Vec<_> = decisions.iter().map(Decision::as_json).collect();
        writeln!(
            io.out,
            "{}",
            json!({"method": request.method, "path": request.path, "decisions": decisions})
        )?;
        return Ok(());
    }
    writeln!(io.out, "{} {}", request.method, request.path)?;
    for decision in &decisions {
        writeln!(io.out)?;
        decision.write(io.out)?;
    }
    Ok(())
}
