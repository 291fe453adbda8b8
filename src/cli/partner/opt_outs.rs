//! `pixelgate partner opt-outs`: who of a partner's people has opted out here.

use super::super::progress::spinner;
use super::super::{CliError, Io};
use super::OnePartner;
use super::output::Output;
use crate::domain::opt_out::Subject;
use crate::storage::verify;

/// Print, as TSV, the partner's number and the SHA-256 of its id for everybody who has opted out by that id: whom the
/// partner should leave out, too.
///
/// Its ids themselves are not kept of who has opted out. Reads the log of the data directory, whether or not a server
/// runs on it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  pixelgate partner opt-outs adhub --config pixelgate.toml --output adhub-opt-outs.tsv.gz"
)]
pub(super) struct Args {
    #[command(flatten)]
    partner: OnePartner,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (partners, data_dir) = args.partner.whose.read()?;
    let partner = args.partner.among(&partners)?;
    let progress = spinner("reading the log");
    let opt_outs = verify::opt_outs(&data_dir)?;
    progress.finish_and_clear();
    args.output.write(io, |out| {
        let mut lines = 0;
        for subject in opt_outs.subjects() {
            if let Subject::PartnerUser(whose, id) = subject
                && whose == partner.id
            {
                writeln!(out, "{}\t{}", whose.number(), id.expose())?;
                lines += 1;
            }
        }
        Ok(lines)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::super::tests::command;

    #[expect(clippy::disallowed_methods, reason = "a partner's list is not in the data directory")]
    fn write(path: &std::path::Path, bytes: &[u8]) {
        std::fs::write(path, bytes).expect("a file");
    }

    #[test]
    fn what_partners_bring_and_what_they_get() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let dir = data.path().display().to_string();
        let list = data.path().join("opt-outs.tsv.gz");
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        zipped.write_all(b"111\tabc\n111\tdef\n222\tghi\n").expect("it takes a list");
        write(&list, &zipped.finish().expect("it takes a list"));
        let list = list.display().to_string();
        let (text, code) = command(&["optout", "import", &list, "--data-dir", &dir], "");
        assert_eq!((text.contains("3 identifier(s)"), code), (true, 0), "{text}");
        let (text, code) = command(&["partner", "opt-outs", "acme", "--data-dir", &dir], "");
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        // SHA-256 of "abc" and of "def".
        let abc = "111\tba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let def = "111\tcb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";
        assert_eq!((lines, code), (vec![abc, def], 0));
    }
}
