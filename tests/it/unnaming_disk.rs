//! The machine's disk, on which for a while no document gets its name.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use pixelgate::storage::disk::{Access, Disk, DiskFile};
use pixelgate::storage::real_disk::RealDisk;

#[derive(Default)]
pub(crate) struct UnnamingDisk {
    real: RealDisk,
    refuses: AtomicBool,
}

impl UnnamingDisk {
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

impl Disk for UnnamingDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.real.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.real.list(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.real.create(path)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        self.real.open(path, access)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.refuses.load(Ordering::SeqCst) && to.extension().is_some_and(|kind| kind == "toml") {
            return Err(io::Error::other("the disk is gone"));
        }
        self.real.rename(from, to)
    }
    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.real.unlink(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.real.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.real.lock(path)
    }
}
