//! Hundreds of narrow fields in a row, decoded in blocks ahead of the reads.

use super::{BITS_PER_CHARACTER, Bits};

/// Reads what a [`BitReader`](super::BitReader) reads, in a third of the time where there is much to read.
#[derive(Debug, Clone)]
pub struct BlockReader<'a> {
    bits: Bits<'a>,
    /// Of the first bit that is decoded.
    start: usize,
    /// Of the next field, from `start` on.
    offset: usize,
    /// As long as `offset` is below this, all that a peek may show is decoded.
    decoded: usize,
    /// From the last byte to the first, so that reading a number needs no swapping of bytes. Zeros where the text has
    /// ended.
    block: [u8; BLOCK_BYTES],
}

/// A row of fields of one reader.
#[derive(Debug)]
pub struct Row<'r, 'a> {
    /// Not the reader's own: this one is in a register.
    offset: usize,
    reader: &'r mut BlockReader<'a>,
}

impl<'a> BlockReader<'a> {
    pub const fn new(bits: Bits<'a>, at: usize) -> Self {
        Self { bits, start: at, offset: 0, decoded: 0, block: [0; BLOCK_BYTES] }
    }

    pub const fn bits(&self) -> Bits<'a> {
        self.bits
    }

    /// The offset of the next field; past the end if more was skipped than there is.
    pub const fn at(&self) -> usize {
        self.start + self.offset
    }

    pub const fn is_past_the_end(&self) -> bool {
        self.at() > self.bits.len()
    }

    /// As [`Bits::get`]; what was refused is not skipped. Decodes no block: for a field by itself.
    pub fn take(&mut self, width: u32) -> Option<u64> {
        let field = self.bits.get(self.at(), width)?;
        self.skip(width as usize);
        Some(field)
    }

    /// For fields that are read one after the other. What it went over is skipped when it is dropped.
    #[inline]
    pub fn row(&mut self) -> Row<'_, 'a> {
        Row { offset: self.offset, reader: self }
    }

    /// Goes on behind `width` bits, whether or not they are there.
    #[inline]
    pub const fn skip(&mut self, width: usize) {
        self.offset = self.offset.saturating_add(width);
    }

    /// Makes what starts at the next field the block.
    #[inline(never)]
    fn decode(&mut self) {
        let at = self.at();
        let character = at / BITS_PER_CHARACTER;
        (self.start, self.offset) = (character * BITS_PER_CHARACTER, at % BITS_PER_CHARACTER);
        self.decoded = BLOCK_BYTES * 8 - 2 * 64;
        let mut text = self.bits.text.get(character..).unwrap_or_default();
        for packed in self.block.rchunks_exact_mut(PACKED_BYTES) {
            match text.split_first_chunk() {
                Some((group, rest)) => {
                    pack(group, packed);
                    text = rest;
                }
                None if text.is_empty() => packed.fill(0),
                None => {
                    let mut group = [b'A'; GROUP_CHARACTERS];
                    group.iter_mut().zip(text).for_each(|(place, character)| *place = *character);
                    pack(&group, packed);
                    text = &[];
                }
            }
        }
    }
}

impl Row<'_, '_> {
    /// As [`BlockReader::at`].
    pub const fn at(&self) -> usize {
        self.reader.start + self.offset
    }

    pub const fn is_past_the_end(&self) -> bool {
        self.at() > self.reader.bits.len()
    }

    /// The next bits, from the most significant one on: [`PEEK_BITS`] or more, zeros where there are none.
    #[inline]
    pub fn peek(&mut self) -> u64 {
        if self.offset >= self.reader.decoded {
            self.reader.offset = self.offset;
            self.reader.decode();
            self.offset = self.reader.offset;
        }
        self.peek_behind(0)
    }

    /// What [`Self::peek`] will show behind `width` of the bits that it just showed.
    #[inline]
    pub fn peek_behind(&self, width: usize) -> u64 {
        let at = self.offset + width;
        let bytes = (BLOCK_BYTES - 8).checked_sub(at >> 3).and_then(|first| self.reader.block.get(first..));
        u64::from_le_bytes(bytes.and_then(<[u8]>::first_chunk).copied().unwrap_or_default()) << (at & 7)
    }

    /// As [`BlockReader::skip`].
    #[inline]
    pub const fn skip(&mut self, width: usize) {
        self.offset += width;
    }
}

impl Drop for Row<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.reader.offset = self.offset;
    }
}

/// What a peek shows at least; and so far behind it another may look.
pub const PEEK_BITS: u32 = 57;

const GROUP_CHARACTERS: usize = 64;
const PACKED_BYTES: usize = GROUP_CHARACTERS * BITS_PER_CHARACTER / 8;
const GROUPS: usize = 5;
const BLOCK_BYTES: usize = GROUPS * PACKED_BYTES;

/// 64 characters as 48 bytes. Arithmetic instead of a table, in loops without branches: vectors, two thirds of the time.
#[inline(never)]
fn pack(group: &[u8; GROUP_CHARACTERS], packed: &mut [u8]) {
    let values = group.map(value);
    let (eights, _) = values.as_chunks::<8>();
    let mut words = [0; GROUP_CHARACTERS / 8];
    for (word, eight) in words.iter_mut().zip(eights) {
        // The first character's byte is the lowest. Values of 6 bits in every 8, then of 12 in 16, 24 in 32, 48 in 64.
        let bytes = u64::from_le_bytes(*eight);
        let pairs = (bytes << 6 & 0x0fc0_0fc0_0fc0_0fc0) | (bytes >> 8 & 0x003f_003f_003f_003f);
        let fours = (pairs << 12 & 0x00ff_f000_00ff_f000) | (pairs >> 16 & 0x0000_0fff_0000_0fff);
        *word = (fours << 24 & 0xffff_ff00_0000) | fours >> 32;
    }
    for (word, place) in words.iter().zip(packed.rchunks_exact_mut(6)) {
        let [six @ .., _, _] = word.to_le_bytes();
        place.copy_from_slice(&six);
    }
}

/// Of a character of the alphabet; anything for others, which [`Bits::parse`] keeps out.
#[inline]
const fn value(character: u8) -> u8 {
    // As a signed number, which can be compared with in one step.
    let code = character as i8;
    // In the order of the codes: `-`, digits, upper case, `_`, lower case. Each step adds what the next differs by.
    let mut value = code.wrapping_add(62 - b'-' as i8);
    value = value.wrapping_sub(if code >= b'0' as i8 { 13 } else { 0 });
    value = value.wrapping_sub(if code >= b'A' as i8 { 69 } else { 0 });
    value = value.wrapping_add(if code >= b'_' as i8 { 33 } else { 0 });
    value.wrapping_sub(if code >= b'a' as i8 { 39 } else { 0 }) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::BitReader;
    use super::*;

    #[test]
    fn every_character_has_its_value() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        assert!(ALPHABET.iter().map(|character| value(*character)).eq(0..64));
    }

    proptest! {
        #[test]
        fn it_reads_as_a_bit_reader_does(
            text in "[A-Za-z0-9_-]{0,900}",
            at in 0_usize..6_000,
            steps in prop::collection::vec((0..=36_u32, 0..=20_u32), 0..120),
        ) {
            let bits = Bits::parse(&text).unwrap();
            let (mut blocks, mut reader) = (BlockReader::new(bits, at), BitReader::new(bits, at));
            let field = |window: u64, width: u32| window.checked_shr(64 - width).unwrap_or(0);
            for (width, next) in steps {
                let mut row = blocks.row();
                let window = row.peek();
                let behind = row.peek_behind(width as usize);
                drop(row);
                prop_assert_eq!(blocks.at(), reader.at());
                // Past the end there are zeros.
                let mut ahead = reader;
                let Some(taken) = ahead.take(width) else { break };
                prop_assert_eq!(field(window, width), taken);
                if let Some(taken) = ahead.take(next) {
                    prop_assert_eq!(field(behind, next), taken);
                }
                prop_assert_eq!(blocks.take(width), reader.take(width));
            }
            prop_assert!(!blocks.is_past_the_end() || at > bits.len());
        }

        #[test]
        fn past_the_end_there_are_zeros(text in "[A-Za-z0-9_-]{0,400}", behind in 0_usize..9_000) {
            let bits = Bits::parse(&text).unwrap();
            let mut blocks = BlockReader::new(bits, 0);
            let mut row = blocks.row();
            row.peek();
            row.skip(bits.len() + behind);
            prop_assert_eq!((row.peek(), row.peek_behind(36)), (0, 0));
            drop(row);
            prop_assert_eq!((blocks.at(), blocks.is_past_the_end()), (bits.len() + behind, behind > 0));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", at: usize, width: usize) {
            if let Ok(bits) = Bits::parse(&text) {
                let mut blocks = BlockReader::new(bits, at / 2);
                blocks.skip(width / 4);
                let mut row = blocks.row();
                let _ = (row.peek(), row.peek_behind(36), row.at());
                drop(row);
                let _ = (blocks.take(36), blocks.at());
            }
        }
    }
}
