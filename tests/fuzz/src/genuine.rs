//! A log with a few entries in it, written by the log itself, and just enough of its layout to damage it with skill.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use pixelgate::consent::gate::Gate;
use pixelgate::consent::policy::{Policy, Regime};
use pixelgate::consent::rule::Circumstances;
use pixelgate::consent::signals::Signals;
use pixelgate::domain::conversion::{Conversion, Country, Identifiers, ShortText, Source};
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::{AccountId, BrowserId, EventId, EventTagId, PixelId};
use pixelgate::domain::money::{Currency, Money};
use pixelgate::domain::opt_out::{Choice, OptOut, OptOutView, Subject};
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::time::{Clock, Rng, Timestamp};
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::Log;
use pixelgate::storage::options::{Housekeeping, LogOptions};

use crate::memory_disk::MemoryDisk;

pub const DIR: &str = "/log";
pub const FILE_BYTES: u64 = 16 << 10;

/// Where the frames begin, and how long the part of a frame before its payload is.
pub const DATA_AT: usize = 1_024;
pub const HEAD_BYTES: usize = 30;

/// A disk with a log of eight conversions and two opt-outs.
pub fn log() -> MemoryDisk {
    let disk = Arc::new(MemoryDisk::default());
    let options =
        LogOptions { file_bytes: FILE_BYTES, housekeeping: Housekeeping::Inline, ..LogOptions::default() };
    let opened = Log::open(Path::new(DIR), options, Arc::clone(&disk) as _, clock(), rng());
    let (log, _) = opened.expect("an empty disk holds an empty log");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing");
    let (appender, batcher) = log.appender(tokio::task::yield_now);
    runtime.block_on(async {
        let append = async {
            for number in 0..10 {
                appender.append(entry(number)).await.expect("the memory takes everything");
            }
        };
        tokio::select! {
            () = append => {}
            () = batcher => panic!("the batcher outlives what is appended"),
        }
    });
    drop(appender);
    log.close().expect("the memory takes everything");
    disk.copy()
}

fn entry(number: u8) -> Entry {
    let subject = Subject::Browser(BrowserId::from_bytes([number; 16]));
    if number % 5 == 4 {
        return Entry::OptOut(OptOut { subject, at: NOW, choice: Choice::Out });
    }
    let draft = Conversion {
        id: EventId::new(NOW.0, [number; 10]),
        at: NOW,
        account_id: AccountId::from_number(1),
        pixel_id: PixelId::from_number(2),
        event_tag_id: Some(EventTagId::from_number(3)),
        windows: None,
        event: if number % 2 == 0 { EventType::Purchase } else { EventType::SiteVisit },
        source: Source::Pixel,
        event_id: ShortText::parse(&format!("event-{number}")),
        conversion_id: ShortText::parse("order"),
        value: Money::parse("12.5", Currency::USD).ok(),
        quantity: Some(1),
        identifiers: Identifiers {
            browser_id: Some(BrowserId::from_bytes([number; 16])),
            ..Identifiers::default()
        },
        page: PageAddress::reduce("https://shop.example/thanks"),
        country: Country::parse("US"),
        restricted_data_use: false,
        origin_ok: true,
    };
    let gate = Gate::new(Policy::new(Regime::None));
    let signals = Signals::default();
    let about = Circumstances {
        heard: &gate.hear(&signals),
        directed_to_children: false,
        opt_outs: &Nobody,
        now: NOW,
    };
    Entry::Conversion(gate.admit(draft, &about).expect("nothing denies"))
}

const NOW: Timestamp = Timestamp(1_795_316_645_678);

pub struct Nobody;

impl OptOutView for Nobody {
    fn is_opted_out(&self, _: Subject) -> bool {
        false
    }
}

/// Where the frames of a file are, as far as their lengths make sense.
pub fn frames(file: &[u8]) -> Vec<Range<usize>> {
    let mut frames = Vec::new();
    let mut at = DATA_AT;
    while let Some(length) = file.get(at + 4..at + 8) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        if length <= HEAD_BYTES || file.len() - at < length {
            break;
        }
        frames.push(at..at + length);
        at += length;
    }
    frames
}

/// Makes the checksum of a frame right.
pub fn seal(file: &mut [u8], frame: Range<usize>) {
    let (number, salt) = (crc32c::crc32c(&file[8..16]), &file[16..24]);
    let salt = crc32c::crc32c_append(number, salt);
    let sum = crc32c::crc32c_append(salt, &file[frame.start + 4..frame.end]);
    file[frame.start..frame.start + 4].copy_from_slice(&sum.to_le_bytes());
}

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(Held)
}

pub fn rng() -> Arc<dyn Rng> {
    Arc::new(Fixed)
}

struct Held;

impl Clock for Held {
    fn now(&self) -> Timestamp {
        NOW
    }
}

struct Fixed;

impl Rng for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x5a);
    }
}
