//! One file of the log: its name, its header, and what is in front of its frames.
//!
//! The header is there twice, 512 bytes apart, because without the salt in it nothing of the file verifies.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Access, Disk, DiskFile};
use super::frame::Salt;
use crate::domain::time::Rng;

/// What sets one file apart from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Counts up from 1; later files have higher numbers.
    pub(super) number: u64,
    /// Random.
    pub(super) salt: u64,
    /// Where its frames end, if it was written again without some of them. The file after it does not know then.
    pub(super) end: Option<u64>,
}

impl Header {
    pub(super) fn new(number: u64, rng: &dyn Rng) -> Self {
        let mut salt = [0; 8];
        rng.fill(&mut salt);
        Self { number, salt: u64::from_le_bytes(salt), end: None }
    }

    /// What the checksums of this file start from.
    pub(super) fn frame_salt(&self) -> Salt {
        let number = crc32c::crc32c(&self.number.to_le_bytes());
        Salt(crc32c::crc32c_append(number, &self.salt.to_le_bytes()))
    }

    /// The first [`DATA_AT`] bytes of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = if self.end.is_some() { MAGIC_REWRITTEN } else { MAGIC }.to_vec();
        copy.extend_from_slice(&self.number.to_le_bytes());
        copy.extend_from_slice(&self.salt.to_le_bytes());
        self.end.iter().for_each(|end| copy.extend_from_slice(&end.to_le_bytes()));
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        copy.resize(COPY_BYTES, 0);
        copy.repeat(DATA_AT as usize / COPY_BYTES)
    }

    /// `None` if neither copy is whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let copies = bytes.get(..DATA_AT as usize).unwrap_or(bytes).chunks(COPY_BYTES);
        copies.into_iter().find_map(decode_copy)
    }
}

fn decode_copy(copy: &[u8]) -> Option<Header> {
    let number = |at: usize| Some(u64::from_le_bytes(copy.get(at..at + 8)?.try_into().ok()?));
    let (end, sum_at) = match copy.get(..8)? {
        magic if magic == MAGIC => (None, 24),
        magic if magic == MAGIC_REWRITTEN => (Some(number(24)?), 32),
        _ => return None,
    };
    let sum = u32::from_le_bytes(copy.get(sum_at..sum_at + 4)?.try_into().ok()?);
    let whole = crc32c::crc32c(&copy[..sum_at]) == sum;
    whole.then_some(Header { number: number(8)?, salt: number(16)?, end })
}

/// `PXGLOG` and the version of the file's layout.
const MAGIC: &[u8; 8] = b"PXGLOG\x00\x01";
/// The same of a file that was written again: its header also says where it ends.
const MAGIC_REWRITTEN: &[u8; 8] = b"PXGLOG\x00\x02";
const COPY_BYTES: usize = 512;

/// Where the frames begin.
pub(super) const DATA_AT: u64 = 1_024;
/// Room for two frames of the largest size: the one that begins a file is small, but there has to be one behind it.
pub(super) const FILE_BYTES_MIN: u64 = 16 << 10;
/// Offsets are kept in 32 bits, and files are read as a whole.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;

/// A file in use, or ready for it.
pub(super) fn log_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.log"))
}

/// A file on its way to be ready, or to take the place of the one of its number. Holds nothing that counts; goes away
/// at the next start.
pub(super) fn new_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.new"))
}

/// A file that a repair took out of the log.
pub(super) fn lost_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.lost"))
}

pub(super) fn lock_path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

/// What a name in the data directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Log(u64),
    New(u64),
    Lost(u64),
}

impl Name {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (number, kind) = name.split_once('.')?;
        if number.len() != 16 {
            return None;
        }
        let number = u64::from_str_radix(number, 16).ok()?;
        match kind {
            "log" => Some(Self::Log(number)),
            "new" => Some(Self::New(number)),
            "lost" => Some(Self::Lost(number)),
            _ => None,
        }
    }

    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Log(number) | Self::New(number) | Self::Lost(number) => number,
        }
    }
}

/// What the log has in `dir`, by number.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<Name>> {
    let mut names: Vec<Name> = disk.list(dir)?.iter().filter_map(|name| Name::parse(name)).collect();
    names.sort_unstable_by_key(|name| name.number());
    Ok(names)
}

/// A file's bytes from its start, `bytes_max` of them or as many as there are.
pub(super) fn load(disk: &dyn Disk, dir: &Path, number: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(&log_path(dir, number), Access::Read)?;
    load_open(&*file, bytes_max)
}

pub(super) fn load_open(file: &dyn DiskFile, bytes_max: u64) -> io::Result<Vec<u8>> {
    let length = file.length()?.min(bytes_max).min(FILE_BYTES_MAX);
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_loss_of_one_copy() {
        for end in [None, Some(2_048)] {
            check_copies(Header { number: 3, salt: 9, end });
        }
        for bytes in [&[][..], &[0; 1_024], &Header { number: 3, salt: 9, end: None }.encode()[..27]] {
            assert_eq!(Header::decode(bytes), None);
        }
    }

    #[track_caller]
    fn check_copies(header: Header) {
        for bit in 0..DATA_AT as usize * 8 {
            let mut bytes = header.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), Some(header), "bit {bit}");
        }
        assert_eq!(Header::decode(&header.encode()[..540]), Some(header));
    }

    #[test]
    fn names_are_16_digits_and_a_known_ending() {
        assert_eq!(Name::parse("000000000000001f.log"), Some(Name::Log(31)));
        assert_eq!(Name::parse("000000000000001f.new"), Some(Name::New(31)));
        for name in ["lock", "1f.log", "000000000000001f.tmp", "00000000000000zz.log", "000000000000001f"] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }
}
