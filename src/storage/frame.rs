//! One record's bytes: how they are laid out, sealed, and found again behind damage.
//!
//! Nothing in here knows what a payload means.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 4 | CRC-32C over all that follows, started from the file's salt |
//! | 4 | 4 | length of the whole frame |
//! | 8 | 8 | sequence number |
//! | 16 | 8 | when it was appended, Unix milliseconds |
//! | 24 | 4 | how many bytes of this file were known to be on the disk then |
//! | 28 | 1 | kind |
//! | 29 | 1 | version of the payload's layout |
//! | 30 | | payload |
//!
//! All numbers little-endian. The count of bytes on the disk is what tells damage from a cut of power: below it
//! every byte was once there, above it a write may have been lost although a later one was not.

/// The start of every checksum of one file, so that no frame of an earlier use of its bytes verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Salt(pub(super) u32);

/// What stands before the payload, but for checksum and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) at_ms: u64,
    pub(super) durable: u32,
    pub(super) kind: u8,
    pub(super) version: u8,
}

/// A frame that verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) head: Head,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`, if there is a whole one.
    pub(super) fn parse(bytes: &'a [u8], salt: Salt) -> Option<Self> {
        let bytes = bytes.get(..plausible_length(bytes)?)?;
        let sealed = u32::from_le_bytes(part(bytes, 0)?);
        if crc32c::crc32c_append(salt.0, &bytes[4..]) != sealed {
            return None;
        }
        let head = Head {
            sequence: u64::from_le_bytes(part(bytes, 8)?),
            at_ms: u64::from_le_bytes(part(bytes, 16)?),
            durable: u32::from_le_bytes(part(bytes, 24)?),
            kind: bytes[28],
            version: bytes[29],
        };
        Some(Self { head, payload: &bytes[HEAD_BYTES..] })
    }

    pub(super) const fn length(&self) -> usize {
        HEAD_BYTES + self.payload.len()
    }
}

/// Where the first whole frame of `bytes` is whose sequence number is `from` or a little more, looking at every
/// byte. Any number will do where `from` is 0.
pub(super) fn find(bytes: &[u8], from: u64, salt: Salt) -> Option<usize> {
    let mut at = 0;
    while at + HEAD_BYTES <= bytes.len() {
        // Most of an unused file is zeros, and a frame has one of its first 8 bytes set.
        if bytes[at..at + 8] == [0; 8] {
            at += 1 + bytes[at + 8..].iter().position(|&byte| byte != 0)?;
            continue;
        }
        let candidate = &bytes[at..];
        if is_near(candidate, from) && Frame::parse(candidate, salt).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// A checksum over kilobytes at every byte would be slow, and a sequence number settles it nearly always.
fn is_near(candidate: &[u8], from: u64) -> bool {
    let to = if from == 0 { u64::MAX } else { from.saturating_add(SEQUENCE_GAP_MAX) };
    plausible_length(candidate).is_some()
        && sequence(candidate).is_some_and(|sequence| (from..=to).contains(&sequence))
}

/// Appends one frame to `buffer`. `payload` writes behind what is there.
pub(super) fn push(buffer: &mut Vec<u8>, salt: Salt, head: Head, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 8]);
    buffer.extend_from_slice(&head.sequence.to_le_bytes());
    buffer.extend_from_slice(&head.at_ms.to_le_bytes());
    buffer.extend_from_slice(&head.durable.to_le_bytes());
    buffer.extend_from_slice(&[head.kind, head.version]);
    payload(buffer);
    let length = u32::try_from(buffer.len() - start).expect("a group is far below 4 GiB");
    buffer[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    seal(&mut buffer[start..], salt);
}

/// Moves `frames`, which are whole ones, to another file of which nothing is on the disk yet.
pub(super) fn reseal(mut frames: &mut [u8], salt: Salt) {
    while let Some(length) = plausible_length(frames) {
        let (frame, rest) = frames.split_at_mut(length);
        frame[24..28].copy_from_slice(&[0; 4]);
        seal(frame, salt);
        frames = rest;
    }
}

/// The sequence number of the first of `frames`.
pub(super) fn sequence(frames: &[u8]) -> Option<u64> {
    part(frames, 8).map(u64::from_le_bytes)
}

fn seal(frame: &mut [u8], salt: Salt) {
    let sum = crc32c::crc32c_append(salt.0, &frame[4..]);
    frame[..4].copy_from_slice(&sum.to_le_bytes());
}

fn plausible_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(part(bytes, 4)?) as usize;
    (HEAD_BYTES..=FRAME_BYTES_MAX).contains(&length).then_some(length)
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

pub(super) const HEAD_BYTES: usize = 30;
/// A conversion with every field at its limit has less than half of this.
pub(super) const FRAME_BYTES_MAX: usize = 8 << 10;
/// Numbers are left out where a group was given up; one group has fewer than this.
const SEQUENCE_GAP_MAX: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt(7);

    fn head(sequence: u64) -> Head {
        Head { sequence, at_ms: 1, durable: 9, kind: 3, version: 1 }
    }

    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, SALT, head(1), |buffer| buffer.extend_from_slice(b"one"));
        push(&mut bytes, SALT, head(2), |buffer| buffer.extend_from_slice(b"second"));
        bytes
    }

    #[test]
    fn a_frame_reads_back_and_only_under_its_salt() {
        let bytes = two_frames();
        let frame = Frame::parse(&bytes, SALT).expect("a frame");
        assert_eq!((frame.head, frame.payload, frame.length()), (head(1), b"one".as_slice(), 33));
        assert_eq!(Frame::parse(&bytes, Salt(8)), None);
    }

    #[test]
    fn no_flipped_bit_and_no_missing_byte_verifies() {
        let bytes = two_frames();
        for bit in 0..33 * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::parse(&flipped, SALT), None, "bit {bit}");
            assert_eq!(find(&flipped, 1, SALT), Some(33), "bit {bit}");
        }
        for length in 0..33 {
            assert_eq!(Frame::parse(&bytes[..length], SALT), None, "{length} bytes");
        }
    }

    #[test]
    fn frames_are_found_behind_zeros_and_garbage() {
        for before in [0, 1, 7, 8, 9, 63, 4_096] {
            let zeros = [vec![0; before], two_frames()].concat();
            assert_eq!(find(&zeros, 1, SALT), Some(before));
            let garbage = [vec![0xa5; before], two_frames()].concat();
            assert_eq!(find(&garbage, 1, SALT), Some(before));
            assert_eq!(find(&garbage, 3, SALT), None, "older frames are not looked for");
        }
    }

    #[test]
    fn resealed_frames_verify_in_the_other_file_alone() {
        let mut bytes = two_frames();
        reseal(&mut bytes, Salt(8));
        assert_eq!(Frame::parse(&bytes, SALT), None);
        let second = Frame::parse(&bytes[33..], Salt(8)).expect("a frame");
        assert_eq!((second.head, second.payload), (Head { durable: 0, ..head(2) }, b"second".as_slice()));
    }

    #[test]
    fn frames_stop_at_8_kib() {
        let frame = |payload: usize| {
            let mut bytes = Vec::new();
            push(&mut bytes, SALT, head(1), |buffer| buffer.resize(HEAD_BYTES + payload, b'x'));
            Frame::parse(&bytes, SALT).is_some()
        };
        assert!(frame(FRAME_BYTES_MAX - HEAD_BYTES));
        assert!(!frame(FRAME_BYTES_MAX - HEAD_BYTES + 1));
    }
}
