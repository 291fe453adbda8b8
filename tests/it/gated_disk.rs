//! The machine's disk behind a gate: while it is shut, the log's writer waits at its next sync, as does who keeps
//! targeting lists or registered partners.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pixelgate::storage::disk::{Access, Disk, DiskFile};
use pixelgate::storage::real_disk::RealDisk;

/// Cheap to clone; all clones are one disk.
#[derive(Clone, Default)]
pub(crate) struct GatedDisk {
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_shut: bool,
    writer_waits: bool,
}

impl GatedDisk {
    pub(crate) fn shut(&self) {
        self.gate.state().is_shut = true;
    }

    pub(crate) fn open_gate(&self) {
        self.gate.state().is_shut = false;
        self.gate.changed.notify_all();
    }

    /// Opens the gate when it is dropped, so that a test that fails does not wait for what stands there.
    pub(crate) fn opened_at_the_end(&self) -> impl Drop + use<> {
        Opened(self.clone())
    }

    /// Returns once a writer stands at the gate.
    #[track_caller]
    pub(crate) fn await_writer(&self) {
        let (state, gate) = (self.gate.state(), &self.gate.changed);
        let waits = gate.wait_timeout_while(state, PATIENCE, |state| !state.writer_waits);
        let (state, waited) = waits.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(!waited.timed_out(), "nobody comes to the gate");
    }
}

/// Until a test is given up.
const PATIENCE: Duration = Duration::from_secs(60);

struct Opened(GatedDisk);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open_gate();
    }
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self) {
        let mut state = self.state();
        state.writer_waits = true;
        self.changed.notify_all();
        let mut state =
            self.changed.wait_while(state, |state| state.is_shut).unwrap_or_else(PoisonError::into_inner);
        state.writer_waits = false;
    }
}

impl Disk for GatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let is_gated = path.ends_with("partners.toml.new");
        Ok(Box::new(GatedFile { file: RealDisk.create(path)?, gate: self.gate.clone(), is_gated }))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let is_gated = false;
        Ok(Box::new(GatedFile { file: RealDisk.open(path, access)?, gate: self.gate.clone(), is_gated }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        RealDisk.unlink(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        RealDisk.lock(path)
    }
}

struct GatedFile {
    file: Box<dyn DiskFile>,
    gate: Arc<Gate>,
    /// Whoever writes it.
    is_gated: bool,
}

impl DiskFile for GatedFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn preallocate(&self, bytes: u64) -> io::Result<()> {
        self.file.preallocate(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.is_gated || matches!(std::thread::current().name(), Some("log-writer" | "targeting")) {
            self.gate.pass();
        }
        self.file.sync_data()
    }
}
