//! A small file of the data directory that is replaced as a whole, as settings are that came in while the server ran.
//!
//! There is never half of one under its name: what is new gets the name only when all of it is on the disk.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Access, Disk};

/// The whole file; `None` where there is none.
pub fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_up_to(disk, path, BYTES_MAX)
}

pub(super) fn read_up_to(disk: &dyn Disk, path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
    if length > bytes_max {
        let expected = format!("expected a file of at most {} MiB", bytes_max >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, expected));
    }
    let mut bytes = vec![0; length];
    let filled = file.read_at(0, &mut bytes)?;
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// Returns once `bytes` are on the disk under the name of `path`, for the owner's eyes only. After an error the old file is
/// there, or, where only the directory's sync failed, either of them.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = fresh_name(path);
    match disk.unlink(&fresh) {
        // What a start before this one left unfinished.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = disk.create(&fresh)?;
    file.write_at(0, bytes)?;
    file.sync_data()?;
    drop(file);
    disk.rename(&fresh, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("")))
}

fn fresh_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Of a document that is to be read again.
pub const BYTES_MAX: usize = 16 << 20;
