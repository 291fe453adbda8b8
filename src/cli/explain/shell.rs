//! Splits a command line into words as a shell does, without running anything.

use std::iter::Peekable;
use std::str::Chars;

use super::paste::PasteError;

/// Understands `'…'`, `"…"`, `$'…'` (which Chromium copies), backslashes, and lines that end in one.
pub(super) fn split(line: &str) -> Result<Vec<String>, PasteError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' => quoted(&mut rest, word.get_or_insert_default(), '\'')?,
            '"' => quoted(&mut rest, word.get_or_insert_default(), '"')?,
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                quoted(&mut rest, word.get_or_insert_default(), '$')?;
            }
            '\\' => match rest.next() {
                // The line goes on below.
                Some('\n') | None => {}
                Some('\r') if rest.peek() == Some(&'\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            _ if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads up to the closing quote. `kind` is `'`, `"`, or `$` for `$'…'`.
fn quoted(rest: &mut Peekable<Chars<'_>>, word: &mut String, kind: char) -> Result<(), PasteError> {
    let end = if kind == '"' { '"' } else { '\'' };
    loop {
        let character = rest.next().ok_or(PasteError::OpenQuote)?;
        if character == end {
            return Ok(());
        }
        if character != '\\' || kind == '\'' {
            word.push(character);
            continue;
        }
        let escaped = rest.next().ok_or(PasteError::OpenQuote)?;
        match (kind, escaped) {
            ('$', 'n') => word.push('\n'),
            ('$', 't') => word.push('\t'),
            ('$', 'r') => word.push('\r'),
            ('$', 'x') => word.extend(from_hex(rest, 2)),
            ('$', 'u') => word.extend(from_hex(rest, 4)),
            ('"', '\n') => {}
            // Within "…" a backslash is one unless it stands before one of these.
            ('"', other) if !matches!(other, '"' | '\\' | '$' | '`') => word.extend(['\\', other]),
            (_, other) => word.push(other),
        }
    }
}

/// The character that up to `digits` hexadecimal digits stand for.
fn from_hex(rest: &mut Peekable<Chars<'_>>, digits: usize) -> Option<char> {
    let mut number = 0;
    for _ in 0..digits {
        let Some(digit) = rest.peek().and_then(|character| character.to_digit(16)) else { break };
        number = number * 16 + digit;
        rest.next();
    }
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &[&str]) {
        assert_eq!(split(line).expect("closed quotes"), expect, "{line:?}");
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        check("a  b\tc", &["a", "b", "c"]);
        check("a 'b c'\"d e\"f", &["a", "b cd ef"]);
        check("a '' \"\"", &["a", "", ""]);
        check(r#""a\"b\c" 'a\b' a\ b"#, &["a\"b\\c", "a\\b", "a b"]);
        check("a \\\n  b \\\r\n c", &["a", "b", "c"]);
        check(r"$'a\'b\n\x41\u00e9'", &["a'b\nAé"]);
    }

    #[test]
    fn open_quotes_are_an_error() {
        for line in ["'a", "\"a", "$'a\\"] {
            assert_eq!(split(line), Err(PasteError::OpenQuote), "{line:?}");
        }
    }
}
