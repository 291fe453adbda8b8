//! Where a list for a partner goes: to whoever reads the command, or into a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::place::place;
use super::super::{CliError, Io};

#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Write to this file instead, compressed if its name ends in .gz, and say how many lines it has. It takes the place of
    /// an older one when it is complete, so nobody reads half of it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Output {
    /// Has `fill` write the list; it gives the number of lines.
    pub(super) fn write(
        &self,
        io: &mut Io<'_>,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<u64>,
    ) -> Result<(), CliError> {
        let Some(path) = &self.output else {
            let mut out = BufWriter::new(&mut *io.out);
            fill(&mut out)?;
            return Ok(out.flush()?);
        };
        let zipped = path.extension().is_some_and(|extension| extension == "gz");
        let lines = place(path, |file| if zipped { zip(file, fill) } else { plain(file, fill) });
        let lines = lines.map_err(|source| CliError::Export { path: path.clone(), source })?;
        Ok(writeln!(io.out, "{}: {lines} line(s)", path.display())?)
    }
}

fn plain(file: &mut File, fill: impl FnOnce(&mut dyn Write) -> io::Result<u64>) -> io::Result<u64> {
    let mut out = BufWriter::new(file);
    let lines = fill(&mut out)?;
    out.flush()?;
    Ok(lines)
}

fn zip(file: &mut File, fill: impl FnOnce(&mut dyn Write) -> io::Result<u64>) -> io::Result<u64> {
    let mut out = BufWriter::new(GzEncoder::new(file, Compression::default()));
    let lines = fill(&mut out)?;
    out.into_inner()?.finish()?;
    Ok(lines)
}
