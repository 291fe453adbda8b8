//! What the log asks of a disk, at the level of whole operations, so that a test can put another one underneath.
//!
//! Nothing outside `storage` opens a file, and nothing inside it does but through this trait.

use std::any::Any;
use std::io;
use std::path::Path;

/// A file system as the log uses it.
///
/// What was written counts as there after a power cut only after [`DiskFile::sync_data`] returned; the name of a
/// file only after [`Disk::sync_dir`].
pub trait Disk: Send + Sync + 'static {
    /// Makes `dir` and what leads to it, if need be, and makes that last.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names of the files in `dir`, in no order. Names that are not UTF-8 are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes an empty file for reading and writing. An error if there is one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// Replaces what is at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and unlinks in `dir` last.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks the file at `path`, making it if need be, for as long as the value lives. `WouldBlock` if another
    /// process, or another value in this one, has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// An open file. Offsets and lengths are in bytes.
pub trait DiskFile: Send {
    fn length(&self) -> io::Result<u64>;

    /// Fills `bytes` as far as the file reaches; says how far that was.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`. After an error any part of them may be there.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes room for `bytes` bytes now, so that later writes within them cannot find the disk full.
    fn preallocate(&self, bytes: u64) -> io::Result<()>;

    /// Returns once all that was written before is on the disk. After an error nothing is known about it any more,
    /// and a repetition that succeeds proves nothing.
    fn sync_data(&self) -> io::Result<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
}
