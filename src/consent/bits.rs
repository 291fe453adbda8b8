//! Bits read straight from base64url text: the ground that TC strings and GPP strings stand on.
//!
//! Nothing is decoded ahead of a question and nothing is allocated: a read of a few bits decodes the few characters
//! that hold them. Offsets count bits from the first character, six a character, the most significant first.

pub mod blocks;

/// One base64url segment, every character of it checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits<'a> {
    /// Of the alphabet only, without padding.
    text: &'a [u8],
}

impl<'a> Bits<'a> {
    /// Takes the alphabet of RFC 4648, section 5. `=` may end the text, exactly as many as make the length a multiple
    /// of 4. Without them any length will do: encoders pad with bits as they like.
    pub fn parse(text: &'a str) -> Result<Self, NotBase64Url> {
        let padded = text.as_bytes();
        let text = match padded {
            [text @ .., b'=', b'='] | [text @ .., b'='] if padded.len().is_multiple_of(4) => text,
            text => text,
        };
        // No early return: one loop without branches over all of it is what the compiler makes vectors of.
        let foreign = text.iter().fold(false, |foreign, character| foreign | !is_in_alphabet(*character));
        if foreign { Err(NotBase64Url) } else { Ok(Self { text }) }
    }

    /// In bits; a multiple of 6.
    pub const fn len(self) -> usize {
        self.text.len() * BITS_PER_CHARACTER
    }

    pub const fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// The `width` bits from `at` on as a big-endian number. `None` if they are not all there, or more than
    /// [`READ_BITS_MAX`].
    #[inline]
    pub fn get(self, at: usize, width: u32) -> Option<u64> {
        if width > READ_BITS_MAX || at.checked_add(width as usize)? > self.len() {
            return None;
        }
        let (character, within) = (at / BITS_PER_CHARACTER, (at % BITS_PER_CHARACTER) as u32);
        // Four characters hold 24 bits, of which up to 5 come before `at`.
        if width <= 19 {
            let shift = 24 - within - width;
            Some(u64::from(self.group(character)) >> shift & mask(width))
        } else {
            let pair = u64::from(self.group(character)) << 24 | u64::from(self.group(character + 4));
            Some(pair >> (48 - within - width) & mask(width))
        }
    }

    /// `None` past the end.
    #[inline]
    pub fn bit(self, at: usize) -> Option<bool> {
        self.get(at, 1).map(|bit| bit == 1)
    }

    /// No bit from `at` on is set.
    pub fn is_zero_from(self, at: usize) -> bool {
        let at = at.min(self.len());
        let rest_of_character = (at.next_multiple_of(BITS_PER_CHARACTER) - at) as u32;
        let characters = self.text.get(at.div_ceil(BITS_PER_CHARACTER)..).unwrap_or_default();
        self.get(at, rest_of_character).unwrap_or(0) == 0
            && characters.iter().fold(true, |zero, character| zero & (*character == b'A'))
    }

    /// None of the `width` bits from `at` on is set. Those that are not there count as zeros.
    pub fn is_zero(self, at: usize, width: usize) -> bool {
        let end = at.saturating_add(width).min(self.len());
        let before = Self { text: self.text.get(..end / BITS_PER_CHARACTER).unwrap_or_default() };
        let last = at.max(before.len()).min(end);
        before.is_zero_from(at) && self.get(last, (end - last) as u32).unwrap_or(0) == 0
    }

    /// Four characters from `character` on as 24 bits; those that are not there count as 0.
    #[inline]
    fn group(self, character: usize) -> u32 {
        let rest = self.text.get(character..).unwrap_or_default();
        let [a, b, c, d] = rest.first_chunk().copied().unwrap_or_else(|| padded(rest));
        value(a) << 18 | value(b) << 12 | value(c) << 6 | value(d)
    }
}

/// A character that is not in the base64url alphabet, or `=` where it pads nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64Url;

/// Reads one field after the other.
#[derive(Debug, Clone, Copy)]
pub struct BitReader<'a> {
    bits: Bits<'a>,
    at: usize,
}

impl<'a> BitReader<'a> {
    pub const fn new(bits: Bits<'a>, at: usize) -> Self {
        Self { bits, at }
    }

    pub const fn bits(&self) -> Bits<'a> {
        self.bits
    }

    /// The offset of the next field.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// As [`Bits::get`]; what was refused is not skipped.
    #[inline]
    pub fn take(&mut self, width: u32) -> Option<u64> {
        let field = self.bits.get(self.at, width)?;
        self.at += width as usize;
        Some(field)
    }

    #[inline]
    pub fn take_bit(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// `None`, and nothing is skipped, if there are fewer than `width` bits left.
    pub fn skip(&mut self, width: usize) -> Option<()> {
        let at = self.at.checked_add(width).filter(|at| *at <= self.bits.len())?;
        self.at = at;
        Some(())
    }
}

/// Reads many narrow fields in a row, at half the cost of a [`BitReader`]: it decodes every character once.
#[derive(Debug, Clone, Copy)]
pub struct BitStream<'a> {
    bits: Bits<'a>,
    /// How many characters are decoded.
    decoded: usize,
    /// What is decoded and not consumed, from the most significant bit on; zeros behind it.
    window: u64,
    window_bits: u32,
}

impl<'a> BitStream<'a> {
    pub fn new(bits: Bits<'a>, at: usize) -> Self {
        let (decoded, within) = (at / BITS_PER_CHARACTER, (at % BITS_PER_CHARACTER) as u32);
        let mut stream = Self { bits, decoded, window: 0, window_bits: 0 };
        stream.fill();
        stream.window <<= within;
        stream.window_bits = stream.window_bits.saturating_sub(within);
        stream
    }

    /// The offset of the next field.
    pub const fn at(&self) -> usize {
        self.decoded * BITS_PER_CHARACTER - self.window_bits as usize
    }

    /// The next bits, from the most significant one on: [`READ_BITS_MAX`] or more, zeros where there are none.
    #[inline]
    pub fn peek(&mut self) -> u64 {
        if self.window_bits < READ_BITS_MAX {
            self.fill();
        }
        self.window
    }

    /// Goes on behind `width` of the bits that `peek` showed. `None`, and nothing is consumed, if there are fewer.
    #[inline]
    pub const fn consume(&mut self, width: u32) -> Option<()> {
        if width > self.window_bits {
            return None;
        }
        self.window <<= width;
        self.window_bits -= width;
        Some(())
    }

    #[inline]
    fn fill(&mut self) {
        while self.window_bits < READ_BITS_MAX {
            let rest = self.bits.text.get(self.decoded..).unwrap_or_default();
            let Some([a, b, c, d]) = rest.first_chunk().copied() else { return self.fill_up(rest) };
            let group = value(a) << 18 | value(b) << 12 | value(c) << 6 | value(d);
            self.window |= u64::from(group) << (40 - self.window_bits);
            self.window_bits += 24;
            self.decoded += 4;
        }
    }

    /// The last characters, less than four.
    #[cold]
    fn fill_up(&mut self, rest: &[u8]) {
        for character in rest {
            self.window |= u64::from(value(*character)) << (58 - self.window_bits);
            self.window_bits += 6;
            self.decoded += 1;
        }
    }
}

/// The widest field of a TC string: a time.
pub const READ_BITS_MAX: u32 = 36;

const BITS_PER_CHARACTER: usize = 6;

const fn is_in_alphabet(character: u8) -> bool {
    // Not `||`: see `Bits::parse`.
    character.is_ascii_alphanumeric() | (character == b'-') | (character == b'_')
}

const fn mask(width: u32) -> u64 {
    (1 << width) - 1
}

#[cold]
fn padded(rest: &[u8]) -> [u8; 4] {
    let mut group = [b'A'; 4];
    for (place, character) in group.iter_mut().zip(rest) {
        *place = *character;
    }
    group
}

#[inline]
fn value(character: u8) -> u32 {
    VALUES.get(usize::from(character)).copied().map_or(0, u32::from)
}

/// The value of each character of the alphabet; 0 for the others, which [`Bits::parse`] keeps out.
static VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [0; 256];
    let mut character = 0_usize;
    while character < 256 {
        values[character] = match character as u8 {
            upper @ b'A'..=b'Z' => upper - b'A',
            lower @ b'a'..=b'z' => lower - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => 0,
        };
        character += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn characters_count_as_in_the_alphabet() {
        let bits = Bits::parse(ALPHABET).unwrap();
        assert_eq!(bits.len(), 384);
        for value in 0..64 {
            assert_eq!(bits.get(value * 6, 6), Some(value as u64));
        }
    }

    #[test]
    fn nothing_but_the_alphabet_is_read() {
        for byte in 0..=255 {
            let text = format!("AAAA{}AAAAAAAAAAAAAAAA", char::from(byte));
            assert_eq!(Bits::parse(&text).is_ok(), ALPHABET.contains(char::from(byte)), "{text:?}");
        }
    }

    #[test]
    fn padding_fills_up_to_four_or_is_not_there() {
        for (text, bits) in
            [("", 0), ("A", 6), ("AA", 12), ("AA==", 12), ("AAA=", 18), ("AAAA", 24), ("AAAAA", 30)]
        {
            assert_eq!(Bits::parse(text).map(Bits::len), Ok(bits), "{text:?}");
        }
        for text in ["=", "==", "A=", "AA=", "A===", "====", "AAAA=", "AA=A", "=AAA", "AAA=="] {
            assert_eq!(Bits::parse(text), Err(NotBase64Url), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let bits = Bits::parse("____").unwrap();
        assert_eq!((bits.get(0, 24), bits.get(23, 1), bits.get(24, 0)), (Some(0xff_ffff), Some(1), Some(0)));
        for (at, width) in [(0, 25), (24, 1), (usize::MAX, 1), (0, u32::MAX), (25, 0)] {
            assert_eq!(bits.get(at, width), None, "{width} bits at {at}");
        }
        assert!(bits.is_zero_from(24) && bits.is_zero_from(usize::MAX) && !bits.is_zero_from(23));
        let long = Bits::parse("__________").unwrap();
        assert_eq!((long.get(5, 36), long.get(5, 37)), (Some((1 << 36) - 1), None));
    }

    #[test]
    fn a_reader_stays_where_it_is_when_there_is_not_enough() {
        let mut reader = BitReader::new(Bits::parse("YNN").unwrap(), 0);
        assert_eq!((reader.take(2), reader.take_bit(), reader.skip(9)), (Some(1), Some(true), Some(())));
        assert_eq!((reader.at(), reader.skip(7), reader.take(7), reader.at()), (12, None, None, 12));
        assert_eq!((reader.take(6), reader.take_bit(), reader.skip(0)), (Some(13), None, Some(())));
    }

    proptest! {
        #[test]
        fn every_read_is_what_the_characters_spell(text in "[A-Za-z0-9_-]{0,24}", at in 0_usize..150, width in 0_u32..40) {
            let spelled: String =
                text.chars().map(|c| format!("{:06b}", ALPHABET.find(c).unwrap())).collect();
            let expect = spelled.get(at..at + width as usize).filter(|_| width <= READ_BITS_MAX);
            let expect = expect.map(|bits| u64::from_str_radix(&format!("0{bits}"), 2).unwrap());
            let bits = Bits::parse(&text).unwrap();
            prop_assert_eq!(bits.get(at, width), expect);
            let zero = spelled.get(at..).unwrap_or_default().bytes().all(|bit| bit == b'0');
            prop_assert_eq!(bits.is_zero_from(at), zero);
            let mut within = spelled.bytes().skip(at).take(width as usize);
            prop_assert_eq!(bits.is_zero(at, width as usize), within.all(|bit| bit == b'0'));
        }

        #[test]
        fn a_stream_reads_as_a_reader_does(
            text in "[A-Za-z0-9_-]{0,40}",
            at in 0_usize..250,
            widths in prop::collection::vec(0..=READ_BITS_MAX, 0..40),
        ) {
            let bits = Bits::parse(&text).unwrap();
            let (mut stream, mut reader) = (BitStream::new(bits, at), BitReader::new(bits, at));
            for width in widths {
                let field = stream.peek().checked_shr(64 - width).unwrap_or(0);
                let consumed = stream.consume(width).map(|()| field);
                let taken = if width == 0 && at > bits.len() { Some(0) } else { reader.take(width) };
                prop_assert_eq!((consumed, at.max(stream.at())), (taken, at.max(reader.at())));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", at: usize, width: u32) {
            if let Ok(bits) = Bits::parse(&text) {
                let _ = (bits.get(at, width), bits.is_zero_from(at));
                let mut reader = BitReader::new(bits, at);
                let _ = (reader.skip(at), reader.take(width));
                let mut stream = BitStream::new(bits, at);
                let _ = (stream.peek(), stream.consume(width), stream.at());
            }
        }
    }
}
