//! The file that is being written to.

use std::io;

use super::disk::DiskFile;
use super::file::{DATA_AT, Header};
use super::frame::Salt;
use super::pool::Prepared;
use super::record::Begin;

pub(super) struct Active {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) header: Header,
    /// What the checksums of its frames start from.
    pub(super) salt: Salt,
    /// Its length in bytes; fixed.
    pub(super) capacity: u64,
    /// Where the next group goes.
    pub(super) offset: u64,
    /// How many of its bytes are on the disk for certain.
    pub(super) durable: u64,
    /// A group of it has been acknowledged.
    pub(super) is_begun: bool,
    /// Of the first frame in it, and when it was begun.
    pub(super) first_sequence: u64,
    pub(super) first_at_ms: u64,
}

/// What the next file says of the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Previous {
    pub(super) number: u64,
    pub(super) end: u64,
    pub(super) durable: u64,
}

impl Previous {
    pub(super) const fn begin(self) -> Begin {
        Begin { previous: self.number, end: self.end as u32, durable: self.durable as u32 }
    }
}

impl Active {
    pub(super) fn fresh(prepared: Prepared) -> Self {
        let Prepared { header, file, capacity } = prepared;
        let salt = header.frame_salt();
        Self {
            file,
            header,
            salt,
            capacity,
            offset: DATA_AT,
            durable: DATA_AT,
            is_begun: false,
            first_sequence: 0,
            first_at_ms: 0,
        }
    }

    pub(super) const fn is_dirty(&self) -> bool {
        self.offset > self.durable
    }

    pub(super) fn write(&self, frames: &[u8]) -> io::Result<()> {
        if frames.is_empty() { Ok(()) } else { self.file.write_at(self.offset, frames) }
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.sync_with(0)
    }

    /// Syncs what is there and `written` bytes behind it.
    pub(super) fn sync_with(&mut self, written: usize) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable = self.offset + written as u64;
        Ok(())
    }

    /// What was written behind the rest counts.
    pub(super) const fn keep(&mut self, written: usize) {
        self.offset += written as u64;
        self.is_begun = true;
    }

    pub(super) const fn leave(&self) -> Previous {
        Previous { number: self.header.number, end: self.offset, durable: self.durable }
    }
}
