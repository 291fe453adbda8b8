//! Damaged bytes cost the frames that they are in, and are never passed over in silence.

use std::path::Path;

use pixelgate::domain::event::EventType;
use pixelgate::storage::log::Appended;
use pixelgate::storage::reader::{From, Stored, read_on};
use pixelgate::storage::recovery::OpenError;
use pixelgate::storage::verify::{RepairError, repair_on, verify_on};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

const FILE: &str = "/data/0000000000000001.log";
const DATA_AT: usize = 1_024;
const BEGIN_BYTES: usize = 46;

fn dir() -> &'static Path {
    Path::new("/data")
}

fn file() -> &'static Path {
    Path::new(FILE)
}

/// Eight conversions, each synced before the next was written, and where each one's frame is.
fn eight_conversions() -> (SimulatedDisk, Vec<Stored>, Vec<std::ops::Range<usize>>) {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    let answers = append_each(&log, (1..=8).map(purchase));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Appended::Stored(_)))));
    log.close().expect("a good disk takes everything");
    let bytes = disk.bytes(file());
    let mut frames = Vec::new();
    let mut at = DATA_AT + BEGIN_BYTES;
    while bytes[at + 4] != 0 {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().expect("four bytes")) as usize;
        frames.push(at..at + length);
        at += length;
    }
    assert_eq!(frames.len(), 8);
    (disk.copy(), read_all(dir(), &disk.shared()), frames)
}

/// What is left once the log has been opened again.
#[track_caller]
fn reopen(disk: &SimulatedDisk, what: &str) -> Result<Vec<Stored>, OpenError> {
    let (log, _) = open_at(dir(), &disk.shared(), small(), HeldClock::new(), 9)?;
    assert!(log.is_ready(), "{what}");
    log.close().expect("a good disk takes everything");
    Ok(read_all(dir(), &disk.shared()))
}

fn without(rows: &[Stored], lost: usize) -> Vec<Stored> {
    rows.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, row)| row.clone()).collect()
}

#[test]
fn a_file_cut_short_anywhere_loses_exactly_the_frames_behind_the_cut() {
    let (disk, rows, frames) = eight_conversions();
    let mut cuts = 0;
    for cut in DATA_AT + BEGIN_BYTES..=frames[7].end {
        let image = disk.copy();
        image.damage(file(), |bytes| bytes.truncate(cut));
        let left = frames.iter().take_while(|frame| frame.end <= cut).count();
        let what = format!("cut at {cut}");
        let found = reopen(&image, &what).unwrap_or_else(|error| panic!("{error}: {what}"));
        assert_eq!(found, rows[..left], "{what}");
        cuts += 1;
    }
    for cut in 0..DATA_AT + BEGIN_BYTES {
        // Here the file is lost as a whole, but nothing panics and a repair makes it start.
        let image = disk.copy();
        image.damage(file(), |bytes| bytes.truncate(cut));
        if reopen(&image, "cut in the header").is_err() {
            repair_on(&image, dir(), true).expect("a good disk");
            assert_eq!(reopen(&image, "repaired").expect("it was repaired"), [], "cut at {cut}");
        }
        cuts += 1;
    }
    println!("{cuts} cuts");
}

#[test]
fn a_flipped_bit_anywhere_loses_exactly_its_frame() {
    let (disk, rows, frames) = eight_conversions();
    let (mut flips, mut refused) = (0, 0);
    for (number, frame) in frames.iter().enumerate() {
        for bit in frame.start * 8..frame.end * 8 {
            let image = disk.copy();
            image.damage(file(), |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let what = format!("bit {bit} of frame {number}");
            flips += 1;
            match reopen(&image, &what) {
                // The last one may just as well never have got there.
                Ok(found) => {
                    assert_eq!((found, number), (without(&rows, number), 7), "{what}");
                    continue;
                }
                Err(OpenError::Damaged { file: 1, offset }) => {
                    assert_eq!(offset, frame.start as u64, "{what}")
                }
                Err(error) => panic!("{error}: {what}"),
            }
            refused += 1;
            let before = image.bytes(file());
            assert!(matches!(repair_on(&image, dir(), false), Err(RepairError::LossNotAccepted(_))));
            assert_eq!(image.bytes(file()), before, "nothing is changed that nobody asked for");
            let repaired = repair_on(&image, dir(), true).expect("a good disk");
            assert_eq!(repaired.skipped_bytes, frame.len() as u64, "{what}");
            assert_eq!(reopen(&image, &what).expect("it was repaired"), without(&rows, number), "{what}");
        }
    }
    println!("{flips} flipped bits, {refused} refused and repaired");
}

#[test]
fn a_reader_says_what_it_could_not_read_and_goes_on() {
    let (disk, rows, frames) = eight_conversions();
    disk.damage(file(), |bytes| bytes[frames[3].start + 40] ^= 1);
    let found: Vec<_> = read_on(disk.shared(), dir(), From::Start).expect("a log").collect();
    let errors = found.iter().filter(|row| row.is_err()).count();
    let read: Vec<_> = found.into_iter().filter_map(Result::ok).collect();
    assert_eq!((errors, read), (1, without(&rows, 3)));
    let report = verify_on(&disk, dir()).expect("a good disk");
    assert!(!report.is_whole());
    assert_eq!(report.files[0].first_bad_offset, Some(frames[3].start as u64));
}

#[test]
fn a_missing_or_headless_file_in_the_middle_is_noticed_and_can_be_given_up() {
    let disk = SimulatedDisk::new(3, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    let draft = |number| {
        let event_id = format!("{number}{}", "e".repeat(120));
        admit(with_event_id(&event_id, conversion(EventType::Purchase, number)))
    };
    append_each(&log, (1..=250).map(draft));
    log.close().expect("a good disk takes everything");
    let rows = read_all(dir(), &disk.shared());
    assert_eq!(rows.len(), 250);
    for is_missing in [true, false] {
        let image = disk.copy();
        let second = dir().join("0000000000000002.log");
        if is_missing {
            image.shared().unlink(&second).expect("it is there");
        } else {
            image.damage(&second, |bytes| bytes[..DATA_AT].fill(0));
        }
        assert!(matches!(reopen(&image, "a file is missing"), Err(OpenError::Incomplete(_))));
        assert!(!verify_on(&image, dir()).expect("a good disk").is_whole());
        assert!(matches!(repair_on(&image, dir(), false), Err(RepairError::LossNotAccepted(_))));
        repair_on(&image, dir(), true).expect("a good disk");
        let left = reopen(&image, "repaired").expect("it was repaired");
        assert!((100..250).contains(&left.len()), "{} are left", left.len());
        assert!(left.iter().all(|row| rows.contains(row)));
        assert_eq!((left.first(), left.last()), (rows.first(), rows.last()));
    }
}
