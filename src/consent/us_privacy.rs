//! The US Privacy string: `us_privacy`, and section 6 of a GPP string.
//!
//! Source: IAB "US Privacy String", version 1: `1`, then notice given, opted out of sale, covered by the Limited
//! Service Provider Agreement, each `Y`, `N` or `-`.

use std::fmt;

/// A US Privacy string of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsPrivacy {
    pub notice: Answer,
    pub opt_out_sale: Answer,
    pub lspa_covered: Answer,
}

/// What one character says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    NotApplicable,
}

impl UsPrivacy {
    /// Upper case only, with one exception on the strict side: the IAB's own code lets lower case through, so an
    /// opt-out in lower case is an opt-out. Everything else in lower case is malformed and speaks for nobody.
    pub fn parse(text: &str) -> Result<Self, UsPrivacyError> {
        let &[version, notice, opt_out_sale, lspa_covered] = text.as_bytes() else {
            return Err(UsPrivacyError::Length);
        };
        if version != b'1' {
            return Err(UsPrivacyError::Version);
        }
        let read = |character: u8| Answer::parse(character.to_ascii_uppercase());
        let string = Self {
            notice: read(notice)?,
            opt_out_sale: read(opt_out_sale)?,
            lspa_covered: read(lspa_covered)?,
        };
        let lower_case = text.bytes().any(|character| character.is_ascii_lowercase());
        if lower_case && !string.denies() { Err(UsPrivacyError::Character) } else { Ok(string) }
    }

    /// From 0 to 26: `1YYY`, `1YYN`, … `1---`.
    const fn number(self) -> u32 {
        self.notice as u32 * 9 + self.opt_out_sale as u32 * 3 + self.lspa_covered as u32
    }

    fn all() -> impl Iterator<Item = Self> {
        let pairs = Answer::ALL.into_iter().flat_map(|notice| Answer::ALL.map(|sale| (notice, sale)));
        pairs.flat_map(|(notice, opt_out_sale)| {
            Answer::ALL.map(|lspa_covered| Self { notice, opt_out_sale, lspa_covered })
        })
    }

    /// The person opted out of the sale of their data.
    pub fn denies(self) -> bool {
        self.opt_out_sale == Answer::Yes
    }

    /// `1---`: the law does not apply, so the string says nothing either way.
    pub fn abstains(self) -> bool {
        [self.notice, self.opt_out_sale, self.lspa_covered] == [Answer::NotApplicable; 3]
    }
}

impl fmt::Display for UsPrivacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1{}{}{}", self.notice, self.opt_out_sale, self.lspa_covered)
    }
}

/// What all US Privacy strings of a request say. There are 27 of them, and a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsPrivacySet(u32);

impl UsPrivacySet {
    /// Those whose third character is `Y`.
    pub const OPTED_OUT: Self = Self(0b111 | 0b111 << 9 | 0b111 << 18);
    const ABSTAINS: Self = Self(1 << 26);
    pub const NOT_OPTED_OUT: Self = Self(((1 << 27) - 1) & !Self::OPTED_OUT.0 & !Self::ABSTAINS.0);
    /// Something that is no such string.
    pub const MALFORMED: Self = Self(1 << 27);

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any of `said` was.
    pub const fn has(self, said: Self) -> bool {
        self.0 & said.0 != 0
    }

    pub fn add(&mut self, text: &str) {
        self.0 |= UsPrivacy::parse(text).map_or(Self::MALFORMED.0, |string| 1 << string.number());
    }

    /// The well-formed ones.
    pub fn strings(self) -> impl Iterator<Item = UsPrivacy> {
        UsPrivacy::all().filter(move |string| self.0 & 1 << string.number() != 0)
    }
}

impl Answer {
    const ALL: [Self; 3] = [Self::Yes, Self::No, Self::NotApplicable];

    fn parse(character: u8) -> Result<Self, UsPrivacyError> {
        match character {
            b'Y' => Ok(Self::Yes),
            b'N' => Ok(Self::No),
            b'-' => Ok(Self::NotApplicable),
            _ => Err(UsPrivacyError::Character),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "Y",
            Self::No => "N",
            Self::NotApplicable => "-",
        })
    }
}

/// Why a text is no US Privacy string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsPrivacyError {
    Length,
    Version,
    Character,
}

impl fmt::Display for UsPrivacyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a US Privacy string has four characters",
            Self::Version => "only version 1 of the US Privacy string is known",
            Self::Character => "after the version, each character is `Y`, `N` or `-`",
        })
    }
}

impl std::error::Error for UsPrivacyError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHARACTERS: [char; 3] = ['Y', 'N', '-'];

    #[test]
    fn each_of_the_27_strings_is_read_as_it_is_written() {
        for notice in CHARACTERS {
            for sale in CHARACTERS {
                for lspa in CHARACTERS {
                    let text = format!("1{notice}{sale}{lspa}");
                    let string = UsPrivacy::parse(&text).unwrap();
                    let again = format!("1{}{}{}", string.notice, string.opt_out_sale, string.lspa_covered);
                    assert_eq!(again, text);
                    assert_eq!(string.denies(), sale == 'Y', "{text}");
                    assert_eq!(string.abstains(), text == "1---", "{text}");
                }
            }
        }
    }

    #[test]
    fn an_opt_out_counts_in_lower_case_and_nothing_else_does() {
        for text in ["1yyy", "1YyN", "1nY-", "1-y-"] {
            assert!(UsPrivacy::parse(text).unwrap().denies(), "{text}");
        }
        for text in ["1yny", "1YnN", "1YNn", "1n--", "1y-Y"] {
            assert_eq!(UsPrivacy::parse(text), Err(UsPrivacyError::Character), "{text}");
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        for (text, error) in [
            ("", UsPrivacyError::Length),
            ("1YN", UsPrivacyError::Length),
            ("1YNNN", UsPrivacyError::Length),
            (" 1YNN", UsPrivacyError::Length),
            ("1Yü", UsPrivacyError::Character),
            ("2YYY", UsPrivacyError::Version),
            ("-YYY", UsPrivacyError::Version),
            ("1YXN", UsPrivacyError::Character),
            ("1Y N", UsPrivacyError::Character),
            ("1YY0", UsPrivacyError::Character),
        ] {
            assert_eq!(UsPrivacy::parse(text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_matches_the_grammar(text in "([12YNyn-]{0,6}|.*)") {
            let upper = text.to_ascii_uppercase();
            let in_grammar = upper.len() == 4
                && upper.starts_with('1')
                && upper.chars().skip(1).all(|character| CHARACTERS.contains(&character));
            let opt_out = in_grammar && upper.as_bytes()[2] == b'Y';
            let expect = (in_grammar && (text == upper || opt_out)).then_some(opt_out);
            prop_assert_eq!(UsPrivacy::parse(&text).ok().map(UsPrivacy::denies), expect);
        }
    }
}
