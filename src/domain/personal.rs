//! Finds e-mail addresses and phone numbers in clear, so that they can be dropped wherever they turn up.
//!
//! Never says what it found, only that it did.

use super::id::hex_byte;

/// Whether `text` contains what looks like an e-mail address or an international phone number. Looks at
/// percent-encoded `@` and `+` as well. Order numbers stay: bare digits are not taken for a phone number.
pub fn looks_personal(text: &str) -> bool {
    // One pass that nearly always ends here: most texts have none of these bytes. No early exit, so that it is done 16
    // bytes at a time.
    if !text.bytes().fold(false, |found, byte| found | matches!(byte, b'@' | b'%' | b'+' | b'(')) {
        return false;
    }
    let decoded = decode_percent(text);
    has_email(&decoded) || has_phone(&decoded)
}

/// Decodes twice, because addresses in a page's query are often encoded with the page.
fn decode_percent(text: &str) -> Vec<u8> {
    let once = decode_percent_once(text.as_bytes());
    decode_percent_once(&once)
}

fn decode_percent_once(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => hex_byte(*high, *low),
            _ => None,
        };
        if let Some(byte) = escaped {
            decoded.push(byte);
            rest = &tail[2..];
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    decoded
}

/// `local@host.tld`: at least one character before, and a dot with two letters behind it after.
fn has_email(text: &[u8]) -> bool {
    text.iter().enumerate().filter(|&(_, &byte)| byte == b'@').any(|(at, _)| {
        let local = at > 0 && is_address_byte(text[at - 1]);
        let host = &text[at + 1..];
        let end = host.iter().position(|&byte| !is_host_byte(byte)).unwrap_or(host.len());
        let top = host[..end].rsplit(|&byte| byte == b'.').next().unwrap_or_default();
        let dotted = host[..end].contains(&b'.') && !host.starts_with(b".");
        local && dotted && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic)
    })
}

const fn is_address_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'\'') || byte >= 0x80
}

const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// `+` or `(` followed by 8 to 15 digits with the usual separators between them.
fn has_phone(text: &[u8]) -> bool {
    text.iter().enumerate().filter(|&(_, &byte)| matches!(byte, b'+' | b'(')).any(|(at, _)| {
        let number = text[at + 1..].iter().take_while(|&&byte| byte.is_ascii_digit() || is_separator(byte));
        let digits = number.filter(|byte| byte.is_ascii_digit()).count();
        (8..=15).contains(&digits)
    })
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_phone_numbers_are_found() {
        for text in [
            "jane@shop.example",
            "/users/jane.doe+ads@shop.example/thanks",
            "jane%40shop.example",
            "jane%2540shop.example",
            "+1 (555) 010-0199",
            "tel:+15550100199",
            "%2B15550100199",
            "(555) 010-0199",
        ] {
            assert!(looks_personal(text), "{text:?}");
        }
    }

    #[test]
    fn ordinary_texts_are_left_alone() {
        for text in [
            "",
            "order-1234567890123",
            "4155550100",
            "/thanks",
            "100%",
            "a+b",
            "@handle",
            "mail@localhost",
            "shoes (black)",
            "1+1=2",
            "+123456789012345678901",
        ] {
            assert!(!looks_personal(text), "{text:?}");
        }
    }
}
