//! The frames of one file, and what is broken between them.
//!
//! Looks only: what is broken stays as it is.

use std::ops::Range;

use super::file::{DATA_AT, Header};
use super::frame::{self, Frame, HEAD_BYTES};
use super::record::SKIP;

/// What stands at one place of a file.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Frame(u64, Frame<'a>),
    /// Bytes that are no frame, with a whole frame somewhere behind them.
    Gap(Range<u64>),
    /// Bytes that are no frame up to the last one that is not zero, and nothing whole behind them.
    Torn(Range<u64>),
}

/// How far one has come in a file. Apart from the bytes, so that a reader can keep both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    at: usize,
    sequence: u64,
}

impl Cursor {
    pub(super) const fn new() -> Self {
        Self { at: DATA_AT as usize, sequence: 0 }
    }

    pub(super) const fn at(&self) -> u64 {
        self.at as u64
    }

    /// `bytes` is the file from its start to where its frames end at the latest.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8], header: Header) -> Option<Piece<'a>> {
        let (at, salt) = (self.at, header.frame_salt());
        let rest = bytes.get(at..)?;
        let fits = |frame: &Frame<'_>| frame.head.sequence >= self.sequence || frame.head.kind == SKIP;
        if let Some(frame) = Frame::parse(rest, salt).filter(fits) {
            self.at += frame.length();
            self.sequence = self.sequence.max(frame.head.sequence);
            return Some(Piece::Frame(at as u64, frame));
        }
        // What is broken was a frame once, so that the next one is no nearer than the shortest frame is long.
        let behind = rest.get(HEAD_BYTES..).and_then(|behind| frame::find(behind, self.sequence, salt));
        if let Some(next) = behind {
            self.at += HEAD_BYTES + next;
            return Some(Piece::Gap(at as u64..self.at as u64));
        }
        self.at = bytes.len();
        let torn = rest.iter().rposition(|&byte| byte != 0)?;
        Some(Piece::Torn(at as u64..(at + torn + 1) as u64))
    }
}

/// The pieces of a file in order.
pub(super) fn pieces(bytes: &[u8], header: Header) -> impl Iterator<Item = Piece<'_>> {
    let mut cursor = Cursor::new();
    std::iter::from_fn(move || cursor.next(bytes, header))
}

/// What one pass over a file found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// All frames, the log's own included.
    pub(super) frames: u64,
    pub(super) last_sequence: Option<u64>,
    /// `u64::MAX` where there is no frame.
    pub(super) first_at_ms: u64,
    pub(super) last_at_ms: u64,
    /// How many bytes were on the disk for certain, as far as any frame says.
    pub(super) durable: u64,
    /// Broken ranges with whole frames behind them.
    pub(super) gaps: Vec<Range<u64>>,
    /// The broken range at the end, empty if there is none.
    pub(super) torn: Range<u64>,
    /// Where the last whole frame ends.
    pub(super) end: u64,
}

impl Summary {
    /// `durable` is what the file after this one says of it, if there is one.
    pub(super) fn new(durable: u64) -> Self {
        let first_at_ms = u64::MAX;
        Self { durable, first_at_ms, torn: DATA_AT..DATA_AT, end: DATA_AT, ..Self::default() }
    }

    pub(super) fn take(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Frame(at, frame) => self.take_frame(*at, frame),
            Piece::Gap(gap) => self.gaps.push(gap.clone()),
            Piece::Torn(torn) => self.torn = torn.clone(),
        }
    }

    fn take_frame(&mut self, at: u64, frame: &Frame<'_>) {
        self.frames += 1;
        self.last_sequence = self.last_sequence.max(Some(frame.head.sequence));
        // A mark over what was lost has no time.
        if frame.head.kind != SKIP {
            self.first_at_ms = self.first_at_ms.min(frame.head.at_ms);
        }
        self.last_at_ms = self.last_at_ms.max(frame.head.at_ms);
        self.durable = self.durable.max(u64::from(frame.head.durable));
        self.end = at + frame.length() as u64;
    }

    /// The file after this one says that frames reach to `end`. Zeros before it are damage then, not room.
    pub(super) fn expect_end(&mut self, end: u64) {
        if self.end < end {
            self.torn = self.end..end;
        }
    }

    /// All that is broken.
    pub(super) fn broken(&self) -> impl Iterator<Item = &Range<u64>> {
        self.gaps.iter().chain(Some(&self.torn).filter(|torn| !torn.is_empty()))
    }

    /// Where the first byte is that was on the disk and is now broken. A cut of power does not do that.
    pub(super) fn corrupt_at(&self) -> Option<u64> {
        self.broken().find(|range| range.start < self.durable).map(|range| range.start)
    }
}

/// Splits a broken range into frames that say "skip this", each at most `length_max` long and none too short to be
/// one. A range has room for at least one frame: no gap is shorter.
pub(super) fn skips(range: Range<u64>, length_max: usize) -> Vec<usize> {
    let mut left = (range.end - range.start) as usize;
    let mut lengths = Vec::new();
    while left > 0 {
        let mut length = left.min(length_max);
        if left > length && left - length < HEAD_BYTES {
            length -= HEAD_BYTES;
        }
        lengths.push(length);
        left -= length;
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::frame::{FRAME_BYTES_MAX, Head};

    const HEADER: Header = Header { number: 1, salt: 2, end: None };

    fn summary(bytes: &[u8], header: Header, durable: u64) -> Summary {
        let mut summary = Summary::new(durable);
        pieces(bytes, header).for_each(|piece| summary.take(&piece));
        summary
    }

    /// Three frames of 40 bytes; each says that those before it were on the disk.
    fn three_frames() -> Vec<u8> {
        let mut bytes = HEADER.encode();
        for sequence in 1..=3 {
            let head =
                Head { sequence, at_ms: 10 + sequence, durable: bytes.len() as u32, kind: 3, version: 1 };
            frame::push(&mut bytes, HEADER.frame_salt(), head, |buffer| {
                buffer.extend_from_slice(&[b'x'; 10])
            });
        }
        bytes.resize(4_096, 0);
        bytes
    }

    #[test]
    fn a_whole_file_has_neither_gaps_nor_a_torn_end() {
        let summary = summary(&three_frames(), HEADER, 0);
        assert_eq!((summary.frames, summary.last_sequence, summary.last_at_ms), (3, Some(3), 13));
        assert_eq!((summary.end, summary.durable), (DATA_AT + 120, DATA_AT + 80));
        assert!(summary.gaps.is_empty() && summary.torn.is_empty());
        assert_eq!(summary.corrupt_at(), None);
    }

    #[test]
    fn damage_below_what_was_on_the_disk_is_corruption_and_above_it_is_a_torn_end() {
        for (frame, corrupt) in [(0, true), (1, true), (2, false)] {
            let at = DATA_AT + frame * 40;
            let mut bytes = three_frames();
            bytes[at as usize + 35] ^= 1;
            let summary = summary(&bytes, HEADER, 0);
            assert_eq!(summary.frames, 2);
            assert_eq!(summary.corrupt_at(), corrupt.then_some(at), "frame {frame}");
            let range = if corrupt { summary.gaps[0].clone() } else { summary.torn };
            assert_eq!(range, at..at + 40, "frame {frame}");
        }
        let mut bytes = three_frames();
        bytes[DATA_AT as usize + 85] ^= 1;
        assert_eq!(summary(&bytes, HEADER, DATA_AT + 120).corrupt_at(), Some(DATA_AT + 80));
    }

    #[test]
    fn no_gap_is_too_short_for_a_mark() {
        // A whole frame inside what was one, as only somebody who knows the salt writes it.
        for from in 1..2 * HEAD_BYTES {
            let mut bytes = HEADER.encode();
            bytes.resize(bytes.len() + from, b'x');
            let head = Head { sequence: 1, at_ms: 10, durable: 0, kind: 3, version: 1 };
            for _ in 0..2 {
                frame::push(&mut bytes, HEADER.frame_salt(), head, |buffer| {
                    buffer.extend_from_slice(&[b'x'; 10])
                });
            }
            let summary = summary(&bytes, HEADER, 0);
            assert_eq!(summary.gaps.len(), 1, "{from}");
            for gap in summary.gaps {
                assert!(gap.end - gap.start >= HEAD_BYTES as u64, "{from}");
                assert_eq!(
                    skips(gap.clone(), FRAME_BYTES_MAX).iter().sum::<usize>() as u64,
                    gap.end - gap.start
                );
            }
        }
    }

    #[test]
    fn every_broken_range_splits_into_frames() {
        for bytes in 30..3 * FRAME_BYTES_MAX as u64 {
            let lengths = skips(100..100 + bytes, FRAME_BYTES_MAX);
            assert_eq!(lengths.iter().sum::<usize>() as u64, bytes);
            assert!(lengths.iter().all(|length| (HEAD_BYTES..=FRAME_BYTES_MAX).contains(length)), "{bytes}");
        }
    }
}
