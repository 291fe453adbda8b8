//! `pixelgate partner stats`: how many browsers each partner's ids are known for.

use serde_json::json;

use super::super::progress::spinner;
use super::super::{CliError, Io};
use super::Whose;
use crate::domain::time::Clock as _;
use crate::service::clock::SystemClock;
use crate::storage::verify;

/// Say for how many browsers each partner's id is known, and how many of those are verified and fresh.
///
/// Reads the whole log of the data directory, whether or not a server runs on it. A running server tells how matches come
/// about in its metric `pixelgate_matches`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate partner stats --config pixelgate.toml")]
pub(super) struct Args {
    #[command(flatten)]
    whose: Whose,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (partners, data_dir) = args.whose.read()?;
    let progress = spinner("reading the log");
    let table = verify::matches(&data_dir)?;
    progress.finish_and_clear();
    let now = SystemClock.now();
    let mut rows = Vec::new();
    for partner in partners.iter() {
        let (mut known, mut verified, mut fresh) = (0_u64, 0_u64, 0_u64);
        table.for_each(partner.id, |_, matched| {
            known += 1;
            verified += u64::from(matched.is_verified);
            fresh += u64::from(now.0.saturating_sub(matched.at.0) < partner.rematch_after_ms);
        });
        rows.push((partner, known, verified, fresh));
    }
    if args.json {
        let rows = rows.iter().map(|(partner, known, verified, fresh)| {
            let kinds: Vec<_> = partner.kinds.names().collect();
            json!({"id": partner.id.number(), "name": partner.name, "kinds": kinds, "known": known, "verified": verified, "fresh": fresh})
        });
        writeln!(io.out, "{}", json!({"partners": rows.collect::<Vec<_>>()}))?;
        return Ok(());
    }
    writeln!(
        io.out,
        "{:<32} {:>10} {:>12} {:>12} {:>12}  kinds",
        "partner", "number", "known", "verified", "fresh"
    )?;
    for (partner, known, verified, fresh) in rows {
        let (number, kinds) = (partner.id.number(), partner.kinds.names().collect::<Vec<_>>().join(", "));
        writeln!(
            io.out,
            "{:<32} {number:>10} {known:>12} {verified:>12} {fresh:>12}  {kinds}",
            partner.name
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;

    #[test]
    fn every_partner_has_a_line() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let dir = data.path().display().to_string();
        let (text, code) = command(&["partner", "stats", "--data-dir", &dir], "");
        assert_eq!(code, 0, "{text}");
        let lines: Vec<_> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines[1..],
            [
                "acme 111 0 0 0 audience",
                "strict 222 0 0 0 audience",
                "outbid 333 0 0 0 audience, rtb",
                "meter 444 0 0 0 measurement"
            ]
        );
    }
}
