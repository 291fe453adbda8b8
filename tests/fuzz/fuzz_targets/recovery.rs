//! A damaged log is opened, read and opened again: no panic, rows in order, and a second start finds what the first
//! one left.
//!
//! The input is a list of damages to a genuine log: two bytes say where, one says what kind and how long, and what
//! follows is written there. A quarter of the kinds seals the frame again after the damage, so that what is in a
//! frame is reached as well.

#![no_main]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use pixelgate::storage::log::Log;
use pixelgate::storage::options::{Housekeeping, LogOptions};
use pixelgate::storage::reader::{From, Stored, read_on};
use pixelgate_fuzz::genuine::{self, DIR, FILE_BYTES};
use pixelgate_fuzz::memory_disk::MemoryDisk;

fuzz_target!(|data: &[u8]| {
    let disk = genuine_disk().copy();
    for (number, damage) in damages(data).enumerate() {
        disk.change_newest(|bytes| damage.apply(bytes, number));
    }
    let disk = Arc::new(disk);
    let _ = read(&disk);
    if !open(&disk) {
        return;
    }
    let first = read(&disk);
    assert!(open(&disk), "a log that was opened once cannot be opened again");
    assert_eq!(first, read(&disk), "a second start found something else");
});

fn genuine_disk() -> &'static MemoryDisk {
    static DISK: OnceLock<MemoryDisk> = OnceLock::new();
    DISK.get_or_init(genuine::log)
}

fn open(disk: &Arc<MemoryDisk>) -> bool {
    let options =
        LogOptions { file_bytes: FILE_BYTES, housekeeping: Housekeeping::Inline, ..LogOptions::default() };
    let opened = Log::open(Path::new(DIR), options, Arc::clone(disk) as _, genuine::clock(), genuine::rng());
    match opened {
        Ok((log, _)) => log.close().is_ok(),
        Err(_) => false,
    }
}

fn read(disk: &Arc<MemoryDisk>) -> Vec<Stored> {
    let Ok(rows) = read_on(Arc::clone(disk) as _, Path::new(DIR), From::Start) else { return Vec::new() };
    let rows: Vec<_> = rows.filter_map(Result::ok).collect();
    assert!(rows.is_sorted_by(|a, b| a.sequence < b.sequence), "rows out of order");
    rows
}

/// `at` counts from the start of the frames for small numbers and from the start of the file for large ones.
struct Damage<'d> {
    at: usize,
    kind: u8,
    bytes: &'d [u8],
}

fn damages(mut data: &[u8]) -> impl Iterator<Item = Damage<'_>> {
    std::iter::from_fn(move || {
        let [low, high, kind, rest @ ..] = data else { return None };
        let (bytes, tail) = rest.split_at(usize::from(kind >> 3).min(rest.len()));
        data = tail;
        Some(Damage { at: usize::from(u16::from_le_bytes([*low, *high])), kind: kind & 7, bytes })
    })
}

impl Damage<'_> {
    fn apply(&self, file: &mut Vec<u8>, number: usize) {
        let frames = genuine::frames(file);
        let at = self.at % file.len().max(1);
        match self.kind {
            0 => file.truncate(at),
            1 | 2 => write(file, at, self.bytes, |old, new| old ^ new),
            3 | 4 => write(file, genuine::DATA_AT + at % 4_096, self.bytes, |_, new| new),
            5 => write(file, at, &[1 << (number % 8)], |old, new| old ^ new),
            // A payload that somebody else wrote, in a frame that verifies.
            _ => {
                if let Some(frame) = frames.get(self.at % frames.len().max(1)) {
                    let from =
                        genuine::HEAD_BYTES + usize::from(self.kind == 7) * (self.at >> 8) % frame.len();
                    let end = (frame.start + from + self.bytes.len()).min(frame.end);
                    let start = (frame.start + from).min(end);
                    file[start..end].copy_from_slice(&self.bytes[..end - start]);
                    genuine::seal(file, frame.clone());
                }
            }
        }
    }
}

fn write(file: &mut [u8], at: usize, bytes: &[u8], with: impl Fn(u8, u8) -> u8) {
    for (old, new) in file.iter_mut().skip(at).zip(bytes) {
        *old = with(*old, *new);
    }
}
