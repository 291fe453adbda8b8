//! Replacing a file as a whole.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Has `fill` write a file that then takes the place of what is at `to`; gives what `fill` gave. Whoever reads the file
/// meanwhile, or after a power cut, finds the old one or the new one, and all of it. After an error the old one is there,
/// but for one from the very last step, which makes the change last.
#[expect(clippy::disallowed_methods, reason = "what an operator is given is not in the data directory")]
pub(super) fn place<T>(to: &Path, fill: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    // Through a symbolic link, not over it.
    let to = std::fs::canonicalize(to).unwrap_or_else(|_| to.to_owned());
    let (directory, temporary) = beside(&to)?;
    let placed = filled(&temporary, fill).and_then(|told| std::fs::rename(&temporary, &to).map(|()| told));
    if placed.is_err() {
        // The first error is the one to tell; what is left behind is in nobody's way.
        let _ = std::fs::remove_file(&temporary);
    }
    let told = placed?;
    File::open(directory)?.sync_all()?;
    Ok(told)
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

#[expect(clippy::disallowed_methods, reason = "what an operator is given is not in the data directory")]
fn filled<T>(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let told = fill(&mut file)?;
    file.sync_all()?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test looks at the file itself")]
    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).expect("there is a file")
    }

    #[test]
    fn nobody_ever_reads_half_a_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let to = dir.path().join("list");
        place(&to, |file| file.write_all(b"old")).expect("it is placed");
        let told = place(&to, |file| {
            file.write_all(b"new")?;
            assert_eq!(text(&to), "old");
            file.write_all(b"er")?;
            Ok(5)
        });
        assert_eq!((told.expect("it is placed"), text(&to)), (5, "newer".to_owned()));
        let failed =
            place(&to, |file| file.write_all(b"half").and(Err::<(), _>(io::Error::other("no room"))));
        assert_eq!(failed.expect_err("it is not placed").to_string(), "no room");
        let names = dir.path().read_dir().expect("a directory").count();
        assert_eq!((text(&to), names), ("newer".to_owned(), 1));
    }
}
