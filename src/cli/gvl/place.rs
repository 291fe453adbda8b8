//! Replacing a file as a whole.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Puts `text` at `to`. Whoever reads the file meanwhile, or after a power cut, finds the old text or the new one, and
/// all of it. After an error the old one is there, but for one from the very last step, which makes the change last.
#[expect(clippy::disallowed_methods, reason = "the vendor list is not in the data directory")]
pub(super) fn place(text: &str, to: &Path) -> io::Result<()> {
    // Through a symbolic link, not over it.
    let to = std::fs::canonicalize(to).unwrap_or_else(|_| to.to_owned());
    let (directory, temporary) = beside(&to)?;
    let placed = write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &to));
    if let Err(error) = placed {
        // The first error is the one to tell; what is left behind is in nobody's way.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// The directory of `to`, and a name in it that nobody else takes.
fn beside(to: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let name = to.file_name().ok_or_else(|| io::Error::other("this is not the name of a file"))?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.new", std::process::id()));
    Ok((directory.to_owned(), directory.join(temporary)))
}

#[expect(clippy::disallowed_methods, reason = "the vendor list is not in the data directory")]
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
