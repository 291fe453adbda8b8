//! `pixelgate partner table`: the match table for a partner to host.

use super::super::progress::spinner;
use super::super::{CliError, Io};
use super::OnePartner;
use super::output::Output;
use crate::service::match_list;
use crate::storage::verify;

/// Print a partner's rows of the match table as TSV: our id as this partner alone knows it, its own, when that was last
/// heard, and 1 where the partner itself has said so.
///
/// Nobody who has opted out is among them. Reads the log of the data directory, whether or not a server runs on it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  pixelgate partner table adhub --config pixelgate.toml --output adhub.tsv.gz"
)]
pub(super) struct Args {
    #[command(flatten)]
    partner: OnePartner,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (partners, data_dir) = args.partner.whose.read()?;
    let partner = args.partner.matched_among(&partners)?;
    let progress = spinner("reading the log");
    let table = verify::matches(&data_dir)?;
    progress.finish_and_clear();
    args.output.write(io, |out| match_list::write(partner, &table, out))
}
