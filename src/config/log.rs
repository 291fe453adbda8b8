//! The log of events.

use super::walk::Section;

/// How the log keeps what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub file_bytes: u64,
    pub ack: AckClasses,
    /// Files whose events are all older may be deleted; `None` keeps everything.
    pub retain_days: Option<u32>,
    /// How many entries may wait for the writer before hits are answered 503.
    pub queue_entries: usize,
}

/// How far an entry of each kind is before its sender hears "stored". Opt-outs are always on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckClasses {
    pub page_view: Ack,
    pub conversion: Ack,
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
    let retain = section.get("retain_days").and_then(|field| field.integer(1..=3_650));
    let queue = section.get("queue_entries").and_then(|field| field.integer(1..=QUEUE_ENTRIES_MAX));
    let ack = ack_classes(&section);
    section.finish();
    Log {
        file_bytes: file_bytes.unwrap_or(FILE_BYTES),
        ack,
        retain_days: retain.and_then(|days| u32::try_from(days).ok()),
        queue_entries: queue.unwrap_or(QUEUE_ENTRIES) as usize,
    }
}

fn ack_classes(log: &Section<'_>) -> AckClasses {
    let section = log.section("ack");
    let page_view = section.get("page_view").and_then(|field| field.one_of(&ACKS));
    let conversion = section.get("conversion").and_then(|field| field.one_of(&ACKS));
    if let Some(field) = section.get("opt_out")
        && field.one_of(&ACKS).is_some_and(|ack| ack != Ack::Disk)
    {
        field.refuse("an opt-out that could be lost is none", "expected \"disk\", which can't be lowered");
    }
    section.finish();
    AckClasses { page_view: page_view.unwrap_or(Ack::Os), conversion: conversion.unwrap_or(Ack::Disk) }
}
