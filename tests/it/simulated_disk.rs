//! A disk in memory that does to what was not synced whatever a real one may do.
//!
//! Every write, change of length and change of a directory waits until it is synced. When the power goes, each of
//! those that still wait is kept, lost, or torn at some byte, each for itself: a later one may be there without an
//! earlier one. All choices come from a seed.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use pixelgate::storage::disk::{Access, Disk, DiskFile};

use crate::storage::support::Seeded;

/// What to break, and when. Counts start at 1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// The operation at which the power goes, counted over all that change something.
    pub(crate) power_off_at: Option<u64>,
    /// Which syncs of data fail: the first of them, and how many.
    pub(crate) failing_syncs: Option<(u64, u64)>,
    /// Which writes fail: the first of them, and how many.
    pub(crate) failing_writes: Option<(u64, u64)>,
    /// How many bytes all files together may have.
    pub(crate) capacity: Option<u64>,
}

/// Cheap to clone; all clones are one disk.
#[derive(Clone)]
pub(crate) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    names: BTreeMap<PathBuf, usize>,
    files: Vec<File>,
    /// Directory changes that are not on the disk yet, over `durable_names`.
    changes: Vec<Change>,
    durable_names: BTreeMap<PathBuf, usize>,
    locked: BTreeSet<PathBuf>,
    faults: Faults,
    rng: Seeded,
    counts: Counts,
    is_off: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) operations: u64,
    pub(crate) syncs: u64,
    pub(crate) writes: u64,
    pub(crate) failed_syncs: u64,
}

#[derive(Clone, Default)]
struct File {
    /// As the operating system shows it.
    cached: Vec<u8>,
    /// As the platter has it.
    durable: Vec<u8>,
    waiting: Vec<Write>,
}

#[derive(Clone)]
enum Write {
    Bytes(u64, Vec<u8>),
    Length(usize),
}

#[derive(Clone)]
enum Change {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
}

impl SimulatedDisk {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self::with(Seeded::new(seed), faults, BTreeMap::new(), Vec::new())
    }

    fn with(rng: Seeded, faults: Faults, names: BTreeMap<PathBuf, usize>, files: Vec<File>) -> Self {
        let state = State {
            durable_names: names.clone(),
            names,
            files,
            changes: Vec::new(),
            locked: BTreeSet::new(),
            faults,
            rng,
            counts: Counts::default(),
            is_off: false,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    pub(crate) fn is_off(&self) -> bool {
        self.state().is_off
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What the next start finds after the power was cut, one of many possibilities.
    pub(crate) fn after_power_cut(&self, seed: u64, faults: Faults) -> Self {
        let state = self.state();
        let rng = Seeded::new(seed);
        // Now and then everything is lost, or everything is kept.
        let keep = [0, 25, 50, 75, 100][rng.below(5) as usize];
        let mut files = state.files.clone();
        for file in &mut files {
            file.settle(&rng, keep);
        }
        let mut names = state.durable_names.clone();
        for change in &state.changes {
            if rng.below(100) < keep {
                change.apply(&mut names);
            }
        }
        Self::with(rng, faults, names, files)
    }

    /// What the next start finds after the process was killed: all that was written.
    pub(crate) fn after_kill(&self, faults: Faults) -> Self {
        let state = self.state();
        let mut next = State { faults, ..State::empty(Seeded::new(state.rng.next())) };
        next.names = state.names.clone();
        next.durable_names = state.durable_names.clone();
        next.changes = state.changes.clone();
        next.files = state.files.clone();
        Self { state: Arc::new(Mutex::new(next)) }
    }

    /// The bytes of a file as a process sees them.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[path]].cached.clone()
    }

    /// The bytes of every file that has a name.
    pub(crate) fn all_bytes(&self) -> Vec<Vec<u8>> {
        let state = self.state();
        state.names.values().map(|number| state.files[*number].cached.clone()).collect()
    }

    /// Changes a file behind everyone's back.
    pub(crate) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let number = state.names[path];
        let file = &mut state.files[number];
        change(&mut file.cached);
        file.durable = file.cached.clone();
        file.waiting.clear();
    }

    /// The same contents on a disk of its own.
    pub(crate) fn copy(&self) -> Self {
        self.after_kill(Faults::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the disk")
    }
}

impl State {
    fn empty(rng: Seeded) -> Self {
        Self {
            names: BTreeMap::new(),
            files: Vec::new(),
            changes: Vec::new(),
            durable_names: BTreeMap::new(),
            locked: BTreeSet::new(),
            faults: Faults::default(),
            rng,
            counts: Counts::default(),
            is_off: false,
        }
    }

    /// Counts an operation that changes something. `Err` if there is no power for it; `Ok(true)` if the power goes in
    /// the middle of it.
    fn operate(&mut self) -> io::Result<bool> {
        self.check_power()?;
        self.counts.operations += 1;
        self.is_off = self.faults.power_off_at == Some(self.counts.operations);
        Ok(self.is_off)
    }

    fn check_power(&self) -> io::Result<()> {
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn number_of(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        let goes_off = self.operate()?;
        change.apply(&mut self.names);
        self.changes.push(change);
        if goes_off { self.check_power() } else { Ok(()) }
    }

    /// Room for `bytes` more.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let Some(capacity) = self.faults.capacity else { return Ok(()) };
        let used: usize = self.names.values().map(|number| self.files[*number].cached.len()).sum();
        if used as u64 + bytes > capacity { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Change {
    /// What it is about may not be there, if an earlier change was lost.
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Create(path, number) => {
                names.insert(path.clone(), *number);
            }
            Self::Rename(from, to) => {
                if let Some(number) = names.remove(from) {
                    names.insert(to.clone(), number);
                }
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
        }
    }
}

impl File {
    fn settle_all(&mut self) {
        for write in std::mem::take(&mut self.waiting) {
            match write {
                Write::Length(length) => self.durable.resize(length, 0),
                Write::Bytes(offset, bytes) => put(&mut self.durable, offset, &bytes),
            }
        }
    }

    /// Decides about everything that waits; `keep` is how likely each is kept, in percent.
    fn settle(&mut self, rng: &Seeded, keep: u64) {
        for write in std::mem::take(&mut self.waiting) {
            if rng.below(100) >= keep {
                continue;
            }
            match write {
                Write::Length(length) => self.durable.resize(length, 0),
                Write::Bytes(offset, bytes) if rng.one_in(3) => {
                    let from = rng.below(bytes.len() as u64 + 1) as usize;
                    let to = from + rng.below((bytes.len() - from) as u64 + 1) as usize;
                    let from = if rng.one_in(2) { 0 } else { from };
                    put(&mut self.durable, offset + from as u64, &bytes[from..to]);
                }
                Write::Bytes(offset, bytes) => put(&mut self.durable, offset, &bytes),
            }
        }
        self.cached = self.durable.clone();
    }
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset as usize..end].copy_from_slice(bytes);
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.state().check_power()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_power()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.make_room(1)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.files.len();
        state.files.push(File::default());
        state.change(Change::Create(path.to_owned(), number))?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn open(&self, path: &Path, _: Access) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.check_power()?;
        let number = state.number_of(path)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.number_of(from)?;
        state.change(Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.number_of(path)?;
        state.change(Change::Unlink(path.to_owned()))
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.operate()? {
            return state.check_power();
        }
        state.durable_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut state = self.state();
        state.check_power()?;
        if !state.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Locked { disk: self.clone(), path: path.to_owned() }))
    }
}

struct Locked {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.path);
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.check_power()?;
        Ok(state.files[self.number].cached.len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        state.check_power()?;
        let file = state.files[self.number].cached.get(offset as usize..).unwrap_or_default();
        let length = file.len().min(bytes.len());
        bytes[..length].copy_from_slice(&file[..length]);
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let longer =
            (offset + bytes.len() as u64).saturating_sub(state.files[self.number].cached.len() as u64);
        if longer > 0 {
            state.make_room(longer)?;
        }
        let goes_off = state.operate()?;
        state.counts.writes += 1;
        let fails = is_hit(state.faults.failing_writes, state.counts.writes);
        // A write that fails may have got somewhere.
        let length = if fails { state.rng.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
        let file = &mut state.files[self.number];
        put(&mut file.cached, offset, &bytes[..length]);
        file.waiting.push(Write::Bytes(offset, bytes[..length].to_vec()));
        if goes_off {
            return state.check_power();
        }
        if fails { Err(io::Error::other("the write failed")) } else { Ok(()) }
    }

    fn preallocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let longer = bytes.saturating_sub(state.files[self.number].cached.len() as u64);
        if longer == 0 {
            return Ok(());
        }
        state.make_room(longer)?;
        let goes_off = state.operate()?;
        let file = &mut state.files[self.number];
        file.cached.resize(bytes as usize, 0);
        file.waiting.push(Write::Length(bytes as usize));
        if goes_off { state.check_power() } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.operate()? {
            return state.check_power();
        }
        state.counts.syncs += 1;
        let fails = is_hit(state.faults.failing_syncs, state.counts.syncs);
        let state = &mut *state;
        let file = &mut state.files[self.number];
        if !fails {
            // Not a copy of what is cached: what an earlier sync dropped does not come back.
            file.settle_all();
            return Ok(());
        }
        // The pages count as clean from now on, whatever became of them, and may be read from the disk again.
        let cached = file.cached.clone();
        let keep = [0, 50, 100][state.rng.below(3) as usize];
        file.settle(&state.rng, keep);
        if state.rng.one_in(2) {
            file.cached = cached;
        }
        state.counts.failed_syncs += 1;
        Err(io::Error::other("the sync failed"))
    }
}

fn is_hit(range: Option<(u64, u64)>, count: u64) -> bool {
    range.is_some_and(|(first, length)| (first..first.saturating_add(length)).contains(&count))
}
