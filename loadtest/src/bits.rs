//! Consent strings are made of numbers in as many bits as they are said to have.

#[derive(Debug, Clone, Default)]
pub(crate) struct Bits(Vec<bool>);

impl Bits {
    pub(crate) fn put(mut self, number: u64, width: u32) -> Self {
        self.0.extend((0..width).rev().map(|place| number >> place & 1 == 1));
        self
    }

    pub(crate) fn join(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// `number`, from 1 up, in Fibonacci coding.
    pub(crate) fn put_fibonacci(mut self, mut number: u32) -> Self {
        let mut places = vec![1, 2];
        while let [.., one, next] = places[..]
            && next <= number
        {
            places.push(one + next);
        }
        let mut bits: Vec<bool> = Vec::new();
        for place in places.into_iter().rev() {
            let is_in = place <= number;
            if is_in || !bits.is_empty() {
                bits.push(is_in);
            }
            number -= if is_in { place } else { 0 };
        }
        self.0.extend(bits.into_iter().rev().chain([true]));
        self
    }

    /// Zeros, until the length is a multiple of `bits`.
    pub(crate) fn fill_up_to(mut self, bits: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(bits), false);
        self
    }

    /// Filled up to a character.
    pub(crate) fn base64url(&self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value =
            |six: &[bool]| (0..6).fold(0, |value, at| value << 1 | usize::from(six.get(at) == Some(&true)));
        self.0.chunks(6).map(|six| char::from(ALPHABET[value(six)])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_specification_lists_them() {
        for (number, expect) in [(1, "11"), (2, "011"), (3, "0011"), (4, "1011"), (5, "00011"), (7, "01011")]
        {
            let bits: String = Bits::default()
                .put_fibonacci(number)
                .0
                .iter()
                .map(|bit| char::from(b'0' + u8::from(*bit)))
                .collect();
            assert_eq!(bits, expect, "{number}");
        }
        assert_eq!(Bits::default().put(2, 6).put(1, 1).base64url(), "Cg");
        assert_eq!(Bits::default().put(2, 6).fill_up_to(24).base64url(), "CAAA");
    }
}
