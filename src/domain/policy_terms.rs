//! The words that speak of a sensitive category, and where a text has them.
//!
//! A page view's path is looked through on the way to the log, so this takes one pass that allocates nothing where the path
//! is plain ASCII: some 60 ns for one of 35 characters, and 150 ns where most of its words begin as terms do
//! (`loadtest decode`).

use std::borrow::Cow;
use std::sync::LazyLock;

use super::id::hex_byte;
use super::policy::Category;

/// Terms, by the first letters of their first word.
#[derive(Debug)]
pub struct WordList {
    /// Which keys there are: one bit for each value of [`bit_of`].
    keys: Box<[u64; KEY_BITS / 64]>,
    /// In the order of their keys.
    terms: Vec<Term>,
}

#[derive(Debug)]
struct Term {
    key: u32,
    category: Category,
    /// As it is in the list.
    text: &'static str,
}

impl WordList {
    /// The one that the program comes with.
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<WordList> = LazyLock::new(|| {
            WordList::parse(include_str!("../../static/policy/terms.txt"))
                .expect("the list has no mistake; a test reads it")
        });
        &SHIPPED
    }

    /// `Err` holds the first line that cannot be read.
    fn parse(text: &'static str) -> Result<Self, &'static str> {
        let (mut terms, mut category) = (Vec::new(), None);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                category = Some(Category::from_name(name).ok_or(line)?);
                continue;
            }
            let plain = line.strip_suffix('*').unwrap_or(line);
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b' ';
            // A shorter beginning would have more than one key.
            let open_from = if plain.len() < line.len() && !plain.contains(' ') { KEY_LETTERS } else { 1 };
            if !plain.bytes().all(is_plain)
                || plain.len() < open_from
                || Words::of(plain.as_bytes()).next().is_none()
            {
                return Err(line);
            }
            let first = Words::of(plain.as_bytes()).next().ok_or(line)?;
            terms.push(Term { key: key_of(first), category: category.ok_or(line)?, text: line });
        }
        terms.sort_by_key(|term| term.key);
        let mut keys = Box::new([0; KEY_BITS / 64]);
        for term in &terms {
            let bit = bit_of(term.key);
            keys[bit / 64] |= 1 << (bit % 64);
        }
        Ok(Self { keys, terms })
    }

    /// Whether the path of an address speaks of any category. `%`-escapes count as what they stand for.
    pub fn is_in_path(&self, path: &str) -> bool {
        // One pass 16 bytes at a time, which tells most paths from those that have to be written anew.
        let is_plain = path.bytes().fold(true, |plain, byte| plain & byte.is_ascii() & (byte != b'%'));
        if is_plain { self.is_in(path.as_bytes()) } else { self.is_in(fold(&decode(path)).as_bytes()) }
    }

    /// Most paths have no word that begins as a term does, and need no more than a look at those beginnings.
    fn is_in(&self, text: &[u8]) -> bool {
        let (mut from, mut is_within) = (0, false);
        while from < text.len() {
            let window = &text[from..text.len().min(from + WINDOW)];
            // A bit for each letter or digit: no branch for each byte.
            let letters = window
                .iter()
                .enumerate()
                .fold(0, |bits, (at, byte)| bits | u64::from(byte.is_ascii_alphanumeric()) << at);
            let mut starts = letters & !(letters << 1 | u64::from(is_within));
            // The key of a word that begins later may end in the next window, which begins with it.
            let step = if from + WINDOW < text.len() { WINDOW - KEY_LETTERS } else { WINDOW };
            starts &= u64::MAX >> (WINDOW - step);
            while starts != 0 {
                let at = starts.trailing_zeros() as usize;
                let length = (!(letters >> at)).trailing_zeros() as usize;
                let key = key_of(&window[at..at + length.min(KEY_LETTERS)]);
                if self.has(key) && self.at(key, &Words::of(&text[from + at..])).next().is_some() {
                    return true;
                }
                starts &= starts - 1;
            }
            is_within = letters >> (step - 1) & 1 == 1;
            from += step;
        }
        false
    }

    fn has(&self, key: u32) -> bool {
        let bit = bit_of(key);
        self.keys[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Every term of a name, with its category, in the order in which they stand there.
    pub fn all_in(&self, name: &str) -> Vec<(Category, &'static str)> {
        let (folded, mut found) = (fold(name), Vec::new());
        let mut words = Words::of(folded.as_bytes());
        while let Some(word) = words.next() {
            let here = words.at_last();
            found.extend(self.at(key_of(word), &here).map(|term| (term.category, term.text)));
        }
        found
    }

    /// What `words` begin with, the first of which has this key.
    fn at<'t>(&'t self, key: u32, words: &'t Words<'t>) -> impl Iterator<Item = &'t Term> {
        let from = self.terms.partition_point(|term| term.key < key);
        let of_key = self.terms[from..].iter().take_while(move |term| term.key == key);
        of_key.filter(|term| term.starts(words.clone()))
    }
}

impl Term {
    fn starts(&self, mut text: Words<'_>) -> bool {
        let plain = self.text.strip_suffix('*');
        let mut wanted = Words::of(plain.unwrap_or(self.text).as_bytes()).peekable();
        for place in 0.. {
            let Some(word) = wanted.next() else { break };
            let end_of_last = text.at;
            let Some(found) = text.next() else { return false };
            let gap = &text.text[end_of_last..text.last_at];
            if place > 0 && !gap.iter().all(|byte| JOINS.contains(byte)) {
                return false;
            }
            let is_open = plain.is_some() && wanted.peek().is_none();
            let long_enough = if is_open { found.len() >= word.len() } else { found.len() == word.len() };
            if !long_enough || !found[..word.len()].eq_ignore_ascii_case(word) {
                return false;
            }
        }
        true
    }
}

/// The runs of ASCII letters and digits of a text.
#[derive(Debug, Clone)]
struct Words<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the last word began.
    last_at: usize,
}

impl<'t> Words<'t> {
    const fn of(text: &'t [u8]) -> Self {
        Self { text, at: 0, last_at: 0 }
    }

    /// From the last word on.
    fn at_last(&self) -> Self {
        Self { at: self.last_at, ..self.clone() }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let from = self.at + self.text[self.at..].iter().position(u8::is_ascii_alphanumeric)?;
        let rest = &self.text[from..];
        let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        (self.last_at, self.at) = (from, from + length);
        Some(&rest[..length])
    }
}

/// Its first letters, in lower case.
fn key_of(word: &[u8]) -> u32 {
    match word.first_chunk::<KEY_LETTERS>() {
        // The bit that tells small letters from capital ones, and that all digits have.
        Some(letters) => u32::from_be_bytes(*letters) | 0x2020_2020,
        None => word.iter().fold(0, |key, byte| key << 8 | u32::from(byte | 0x20)),
    }
}

const fn bit_of(key: u32) -> usize {
    // Fibonacci hashing: the high bits depend on all others.
    (key.wrapping_mul(0x9e37_79b9) >> (32 - KEY_BITS.trailing_zeros())) as usize
}

fn decode(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path.as_bytes());
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => hex_byte(*high, *low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Without the accents of German, French and Spanish, and without what only joins letters to them.
fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().flat_map(char::to_lowercase).filter(|&letter| !is_combining(letter));
    Cow::Owned(
        plain
            .flat_map(|letter| base(letter).chars().chain(base(letter).is_empty().then_some(letter)))
            .collect(),
    )
}

/// U+0300 to U+036F, as in decomposed letters.
const fn is_combining(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

/// Empty if the letter is its own.
const fn base(letter: char) -> &'static str {
    match letter {
        'à' | 'á' | 'â' | 'ä' | 'ã' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'ö' | 'õ' => "o",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'ÿ' => "y",
        'ß' => "ss",
        'œ' => "oe",
        'æ' => "ae",
        _ => "",
    }
}

/// What may stand between two words of a term: a comma, a full stop or a slash ends what is said.
const JOINS: &[u8] = b" -_+";
const KEY_LETTERS: usize = 4;
/// In bytes.
const WINDOW: usize = 64;
const KEY_BITS: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn found(text: &str) -> Vec<(Category, &'static str)> {
        WordList::shipped().all_in(text)
    }

    #[test]
    fn the_list_can_be_read_and_has_every_category_and_no_term_twice() {
        let list = WordList::shipped();
        let categories: HashSet<_> = list.terms.iter().map(|term| term.category).collect();
        assert_eq!(categories.len(), Category::ALL.len());
        let texts: HashSet<_> = list.terms.iter().map(|term| term.text).collect();
        assert_eq!(texts.len(), list.terms.len());
        for term in &list.terms {
            let text = term.text.replace('*', "x");
            assert!(found(&text).contains(&(term.category, term.text)), "{text}");
            assert!(list.is_in_path(&format!("/a/{}/b", text.replace(' ', "-"))), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_no_term_is_told() {
        for (text, expect) in [
            ("hiv", "hiv"),
            ("[HEALTHY]\nhiv", "[HEALTHY]"),
            ("[HEALTH]\nHIV", "HIV"),
            ("[HEALTH]\nhi*", "hi*"),
            ("[HEALTH]\na*b", "a*b"),
            ("[HEALTH]\nsant\u{e9}", "sant\u{e9}"),
            ("[HEALTH]\n*", "*"),
        ] {
            assert_eq!(WordList::parse(text).err(), Some(expect), "{text}");
        }
    }

    #[test]
    fn terms_are_found_as_whole_words_in_any_case_and_spelling() {
        for (text, term) in [
            ("Trade Union sign-up", "trade union*"),
            ("TRADE_UNIONS", "trade union*"),
            ("join a trade-union", "trade union*"),
            ("HIV", "hiv"),
            ("Test:HIV,2026", "hiv"),
            ("Santé mentale", "sante mentale"),
            ("SANTE\u{301} MENTALE", "sante mentale"),
            ("Überschuldung", "uberschuldung"),
            ("Gewerkschaftsbeitrag", "gewerkschaft*"),
            ("Afiliación sindical", "afiliacion sindical"),
        ] {
            let terms: Vec<_> = found(text).into_iter().map(|(_, term)| term).collect();
            assert_eq!(terms, [term], "{text}");
        }
        let both = found("HIV and bankruptcy");
        assert_eq!(both, [(Category::Health, "hiv"), (Category::FinancialStatus, "bankruptcy")]);
    }

    /// What honest advertisers call things.
    #[test]
    fn what_only_looks_alike_is_not_found() {
        for text in [
            "",
            " ",
            "Purchase",
            "Sign-up",
            "Democratic pricing",
            "Republican hotel",
            "Student union",
            "Credit union",
            "Western Union",
            "Union dress",
            "Trade in",
            "Trade show union square",
            "Fair trade, union jack",
            "Hive",
            "Archive",
            "Shiva",
            "Zodiac: Cancer",
            "Black Friday",
            "Christian Louboutin",
            "Church's shoes",
            "Temple of fitness",
            "Tropical depression",
            "Party supplies",
            "Green party dress",
            "Nail polish",
            "Straight leg jeans",
            "Race day",
            "Gay-Lussac",
            "Health food",
            "Biometric lock",
            "Court shoes",
            "Bank",
            "Debt",
            "Credit card",
            "Native ads",
            "Asian food",
            "Vote for the best cup",
            "Campaign 2026",
            "Bible paper",
            "Jud\u{ed}as verdes",
            "Palabra",
            "Parole, parole",
            "Sex and the City",
            "Essex",
            "Sussex",
            "Islamabad",
            "Gemeinde",
            "Partei",
            "Pf\u{e4}nder",
            "Syndicated content",
            "Social care",
            "Labour day",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn paths_are_looked_through_with_their_escapes() {
        let is_in = |path: &str| WordList::shipped().is_in_path(path);
        for path in [
            "/hiv",
            "/a/HIV/",
            "/shop/sant%C3%A9-mentale",
            "/sant\u{e9}_mentale",
            "/trade%20union",
            "/trade+unions.html",
            "/hiv.html",
            "/%68iv",
        ] {
            assert!(is_in(path), "{path}");
        }
        // Wherever a word lies in the windows that are looked through, and one that would be a term without its beginning.
        for before in 0..200 {
            assert!(is_in(&format!("/{}/hiv/x", "a".repeat(before))), "{before}");
            assert!(is_in(&format!("/{}/hiv", "a/".repeat(before))), "{before}");
            assert!(is_in(&format!("/{}/gewerkschaften", "a".repeat(before))), "{before}");
            assert!(!is_in(&format!("/{}hiv/archiv", "a".repeat(before + 1))), "{before}");
        }
        for path in [
            "/",
            "",
            "/archive/hives",
            "/products/blue-mug",
            "/%",
            "/%zz",
            "/trade/unite",
            "/%ff%fe",
            "/trade",
        ] {
            assert!(!is_in(path), "{path}");
        }
    }
}
