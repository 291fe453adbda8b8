//! The log of events.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::walk::{Field, Section};

/// How the log keeps what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub file_bytes: u64,
    pub ack: AckClasses,
    pub retain: Retain,
    /// How many entries may wait for the writer before hits are answered 503.
    pub queue_entries: usize,
}

/// How long entries of each kind are kept; `None`: for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retain {
    pub page_view: Option<Duration>,
    pub conversion: Option<Duration>,
    pub embed_view: Option<Duration>,
    pub matches: Option<Duration>,
    pub touch: Option<Duration>,
}

/// How far an entry of each kind is before its sender hears "stored". Opt-outs are always on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckClasses {
    pub page_view: Ack,
    pub conversion: Ack,
    pub matches: Ack,
    pub touch: Ack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Accepted in a queue; survives nothing.
    Memory,
    /// Handed to the operating system; survives the end of the process.
    Os,
    /// On the disk; survives the loss of power.
    Disk,
}

const ACKS: [(&str, Ack); 3] = [("memory", Ack::Memory), ("os", Ack::Os), ("disk", Ack::Disk)];

const FILE_BYTES: u64 = 64 << 20;
const FILE_BYTES_MIN: u64 = 1 << 20;
const FILE_BYTES_MAX: u64 = 1 << 30;
const QUEUE_ENTRIES: u64 = 16_384;
const QUEUE_ENTRIES_MAX: u64 = 1 << 20;

pub(super) fn log(root: &Section<'_>) -> Log {
    let section = root.section("log");
    let file_bytes =
        section.get("file_bytes").and_then(|field| field.integer(FILE_BYTES_MIN..=FILE_BYTES_MAX));
    let retain = retain(&section);
    let queue = section.get("queue_entries").and_then(|field| field.integer(1..=QUEUE_ENTRIES_MAX));
    let ack = ack_classes(&section);
    section.finish();
    Log {
        file_bytes: file_bytes.unwrap_or(FILE_BYTES),
        ack,
        retain,
        queue_entries: queue.unwrap_or(QUEUE_ENTRIES) as usize,
    }
}

fn retain(log: &Section<'_>) -> Retain {
    let section = log.section("retain");
    let page_view = section.get("page_view").and_then(|field| time(&field, RETAIN));
    let conversion = section.get("conversion").and_then(|field| time(&field, RETAIN));
    let embed_view = section.get("embed_view").and_then(|field| time(&field, RETAIN));
    let matches = section.get("match").and_then(|field| time(&field, RETAIN));
    let touch = section.get("touch").and_then(|field| time(&field, RETAIN));
    if let Some(field) = section.get("opt_out") {
        field.refuse("an opt-out holds until it is taken back", "leave this out");
    }
    if let Some(field) = section.get("settings") {
        field.refuse("an account's settings hold until they are changed", "leave this out");
    }
    section.finish();
    Retain { page_view, conversion, embed_view, matches, touch }
}

/// `[erasure] within`.
pub(super) fn erase_within(root: &Section<'_>) -> Duration {
    let section = root.section("erasure");
    let within = section.get("within").and_then(|field| time(&field, ERASE_WITHIN));
    section.finish();
    within.unwrap_or(ERASE_WITHIN_DEFAULT)
}

/// A whole number of seconds, minutes, hours or days: `"90d"`.
pub(super) fn time(field: &Field<'_>, range: RangeInclusive<Duration>) -> Option<Duration> {
    let days = |time: &Duration| time.as_secs() / SECONDS_PER_DAY;
    let expected = match (days(range.start()), days(range.end())) {
        (0, to) => format!("a time up to {to} days, as \"12h\" (units s, m, h, d)"),
        (from, to) => format!("a time from {from} to {to} days, as \"90d\" (units s, m, h, d)"),
    };
    field.parsed(&expected, |text| parse_time(text).filter(|time| range.contains(time)))
}

fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => SECONDS_PER_DAY,
        _ => return None,
    };
    // A sign is not one of these.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

const SECONDS_PER_DAY: u64 = 86_400;
/// Not shorter than duplicates are known, which is 48 hours.
const RETAIN: RangeInclusive<Duration> =
    Duration::from_secs(2 * SECONDS_PER_DAY)..=Duration::from_secs(3_650 * SECONDS_PER_DAY);
/// The laws that ask for erasure give a month at most.
const ERASE_WITHIN: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30 * SECONDS_PER_DAY);
const ERASE_WITHIN_DEFAULT: Duration = Duration::from_secs(SECONDS_PER_DAY);

fn ack_classes(log: &Section<'_>) -> AckClasses {
    let section = log.section("ack");
    let page_view = section.get("page_view").and_then(|field| field.one_of(&ACKS));
    let conversion = section.get("conversion").and_then(|field| field.one_of(&ACKS));
    let matches = section.get("match").and_then(|field| field.one_of(&ACKS));
    let touch = section.get("touch").and_then(|field| field.one_of(&ACKS));
    for key in ["opt_out", "settings", "erasure"] {
        if let Some(field) = section.get(key)
            && field.one_of(&ACKS).is_some_and(|ack| ack != Ack::Disk)
        {
            field.refuse("a choice that could be lost is none", "expected \"disk\", which can't be lowered");
        }
    }
    section.finish();
    AckClasses {
        page_view: page_view.unwrap_or(Ack::Os),
        conversion: conversion.unwrap_or(Ack::Disk),
        matches: matches.unwrap_or(Ack::Os),
        touch: touch.unwrap_or(Ack::Os),
    }
}
