//! Addresses of partners with macros in them: parsed when the settings are read, filled for each browser.
//!
//! Scheme, host and port are always the template's own letters, so that nothing that is filled in leads anywhere else.

use std::borrow::Cow;
use std::fmt;

/// An address with macros, such as `https://match.adhub.example/px?id={browser_id}&state={state}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// `https://match.adhub.example`.
    origin: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Macro(Macro),
}

/// What can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Macro {
    /// Our id for the browser, as this partner alone knows it.
    BrowserId,
    /// The partner's own, where the match table has it.
    PartnerUserId,
    Gdpr,
    GdprConsent,
    UsPrivacy,
    Gpp,
    GppSid,
    /// What has to come back with the partner's answer.
    State,
    /// A random number, so that no cache answers.
    CacheBuster,
}

impl Macro {
    pub const ALL: [Self; 9] = [
        Self::BrowserId,
        Self::PartnerUserId,
        Self::Gdpr,
        Self::GdprConsent,
        Self::UsPrivacy,
        Self::Gpp,
        Self::GppSid,
        Self::State,
        Self::CacheBuster,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::BrowserId => "browser_id",
            Self::PartnerUserId => "partner_user_id",
            Self::Gdpr => "gdpr",
            Self::GdprConsent => "gdpr_consent",
            Self::UsPrivacy => "us_privacy",
            Self::Gpp => "gpp",
            Self::GppSid => "gpp_sid",
            Self::State => "state",
            Self::CacheBuster => "cachebuster",
        }
    }
}

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTemplate {
    TooLong,
    Scheme,
    Host,
    Character,
    Place,
    Macro,
}

impl fmt::Display for InvalidTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "expected at most 1024 characters",
            Self::Scheme => {
                "expected https://, or for this machine alone http://localhost or http://….localhost"
            }
            Self::Host => "expected a host in lower case, with a port at most",
            Self::Character => "expected the characters of an address, and no fragment",
            Self::Place => "expected macros in the path or in the value of a parameter only",
            Self::Macro => {
                "expected the macros {browser_id}, {partner_user_id}, {gdpr}, {gdpr_consent}, {us_privacy}, {gpp}, \
                 {gpp_sid}, {state} and {cachebuster}, and no other braces"
            }
        })
    }
}

impl std::error::Error for InvalidTemplate {}

impl Template {
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        if text.len() > TEMPLATE_CHARS_MAX {
            return Err(InvalidTemplate::TooLong);
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(InvalidTemplate::Scheme),
        };
        let host_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let host = check_host(&rest[..host_end]).ok_or(InvalidTemplate::Host)?;
        if !secure && host != "localhost" && !host.ends_with(".localhost") && host != "127.0.0.1" {
            return Err(InvalidTemplate::Scheme);
        }
        let tail = &rest[host_end..];
        if !tail.bytes().all(is_address_byte) {
            return Err(InvalidTemplate::Character);
        }
        let origin = text[..text.len() - tail.len()].into();
        // An address without a path has one all the same.
        let slash = if tail.starts_with('/') { "" } else { "/" };
        Ok(Self { parts: parts(&format!("{slash}{tail}"))?, origin })
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn has(&self, wanted: Macro) -> bool {
        self.parts.contains(&Part::Macro(wanted))
    }

    /// The address, with what `value` gives for each macro. A value is encoded so that it stays one.
    pub fn fill<'v>(&self, mut value: impl FnMut(Macro) -> Cow<'v, str>) -> String {
        let mut address = String::from(&*self.origin);
        for part in &self.parts {
            match part {
                Part::Text(text) => address.push_str(text),
                Part::Macro(wanted) => push_encoded(&mut address, &value(*wanted)),
            }
        }
        address
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Macro(wanted) => write!(f, "{{{}}}", wanted.name())?,
            }
        }
        Ok(())
    }
}

fn parts(tail: &str) -> Result<Vec<Part>, InvalidTemplate> {
    let (mut parts, mut rest, mut at) = (Vec::new(), tail, 0);
    while let Some(open) = rest.find(['{', '}']) {
        let (text, braced) = rest.split_at(open);
        let (name, behind) = braced
            .strip_prefix('{')
            .and_then(|braced| braced.split_once('}'))
            .ok_or(InvalidTemplate::Macro)?;
        let wanted = Macro::ALL.into_iter().find(|known| known.name() == name);
        let wanted = wanted.ok_or(InvalidTemplate::Macro)?;
        at += open;
        if !may_stand_behind(&tail[..at]) {
            return Err(InvalidTemplate::Place);
        }
        at += name.len() + 2;
        parts.extend((!text.is_empty()).then(|| Part::Text(text.into())));
        parts.push(Part::Macro(wanted));
        rest = behind;
    }
    parts.extend((!rest.is_empty()).then(|| Part::Text(rest.into())));
    Ok(parts)
}

/// In the path, or behind the `=` of a parameter.
fn may_stand_behind(before: &str) -> bool {
    match before.split_once('?') {
        None => true,
        Some((_, query)) => query.rsplit('&').next().is_some_and(|pair| pair.contains('=')),
    }
}

/// A name or an IPv4 address in lower case, with a port at most; gives it without the port.
fn check_host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(allowed) && !label.starts_with('-')
    };
    // Browsers take a host that ends with a number for an IPv4 address, in odd ways to write one too.
    let last = host.rsplit('.').next()?;
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    let host_ok = host.len() <= 253 && host.split('.').all(label);
    let address_ok = !numeric || is_ipv4(host);
    let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
    (host_ok && address_ok && port_ok).then_some(host)
}

/// Four numbers up to 255, as everybody writes them.
fn is_ipv4(host: &str) -> bool {
    let number = |part: &str| part.parse::<u8>().is_ok_and(|number| number.to_string() == part);
    host.split('.').count() == 4 && host.split('.').all(number)
}

/// RFC 3986, without the fragment and with the braces of macros.
const fn is_address_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'?' | b'{' | b'}' | b'%') || is_mark(byte)
}

const fn is_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'-' | b'.'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b':'
            | b'@'
    )
}

/// Everything but the unreserved characters of RFC 3986 as `%XX`.
fn push_encoded(address: &mut String, value: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            address.push(char::from(byte));
        } else {
            let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            address.extend(['%', char::from(digits[0]), char::from(digits[1])]);
        }
    }
}

/// With everything filled in an address still fits where addresses have to.
pub const TEMPLATE_CHARS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, value: &str, expect: &str) {
        let template = Template::parse(text).expect(text);
        assert_eq!(template.to_string(), text);
        assert_eq!(template.fill(|_| Cow::Borrowed(value)), expect);
        assert!(expect.starts_with(template.origin()));
    }

    #[test]
    fn macros_are_filled_in_and_stay_values() {
        check("https://p.example/a", "x", "https://p.example/a");
        check("https://p.example/{browser_id}/px", "a/../b", "https://p.example/a%2F..%2Fb/px");
        check(
            "https://p.example:8443/px?id={browser_id}&gdpr={gdpr}&r=https%3A%2F%2Fq.example%2F%3Fs%3D{state}",
            "a&b=c",
            "https://p.example:8443/px?id=a%26b%3Dc&gdpr=a%26b%3Dc&r=https%3A%2F%2Fq.example%2F%3Fs%3Da%26b%3Dc",
        );
        check(
            "http://p.localhost:9000/?u=$UID&s={state}",
            "\r\nSet-Cookie: a=b",
            "http://p.localhost:9000/?u=$UID&s=%0D%0ASet-Cookie%3A%20a%3Db",
        );
        check("https://p.example/?u=x{gpp_sid}y{cachebuster}", "ä", "https://p.example/?u=x%C3%A4y%C3%A4");
    }

    #[test]
    fn an_address_without_a_path_gets_one() {
        let template = Template::parse("https://p.example?u={state}").expect("a template");
        assert_eq!(template.fill(|_| "s".into()), "https://p.example/?u=s");
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_template() {
        use InvalidTemplate as Invalid;
        for (text, expect) in [
            ("", Invalid::Scheme),
            ("http://p.example/", Invalid::Scheme),
            ("ftp://p.example/", Invalid::Scheme),
            ("javascript:alert(1)", Invalid::Scheme),
            ("//p.example/", Invalid::Scheme),
            ("HTTPS://p.example/", Invalid::Scheme),
            ("https:///p.example", Invalid::Host),
            ("https://", Invalid::Host),
            ("https://P.example/", Invalid::Host),
            ("https://user@p.example/", Invalid::Host),
            ("https://p.example\\@q.example/", Invalid::Host),
            ("https://p.example:port/", Invalid::Host),
            ("https://p.example:080/", Invalid::Host),
            ("https://p.example:65536/", Invalid::Host),
            ("https://p..example/", Invalid::Host),
            ("https://[::1]/", Invalid::Host),
            ("https://0x7f.1/", Invalid::Host),
            ("https://127.1/", Invalid::Host),
            ("https://2130706433/", Invalid::Host),
            ("https://{browser_id}.p.example/", Invalid::Host),
            ("https://p.example{browser_id}/", Invalid::Host),
            ("https://münchen.example/", Invalid::Host),
            ("https://p.example/a b", Invalid::Character),
            ("https://p.example/a\r\nb", Invalid::Character),
            ("https://p.example/#{state}", Invalid::Character),
            ("https://p.example/a\\b", Invalid::Character),
            ("https://p.example/ä", Invalid::Character),
            ("https://p.example/?{state}", Invalid::Place),
            ("https://p.example/?a=b&{state}=c", Invalid::Place),
            ("https://p.example/?a={nobody}", Invalid::Macro),
            ("https://p.example/?a={State}", Invalid::Macro),
            ("https://p.example/?a={{state}}", Invalid::Macro),
            ("https://p.example/?a={state", Invalid::Macro),
            ("https://p.example/?a=}", Invalid::Macro),
        ] {
            assert_eq!(Template::parse(text), Err(expect), "{text}");
        }
        let long = |count| format!("https://p.example/{}", "a".repeat(count));
        assert!(Template::parse(&long(TEMPLATE_CHARS_MAX - 18)).is_ok());
        assert_eq!(Template::parse(&long(TEMPLATE_CHARS_MAX - 17)), Err(Invalid::TooLong));
    }
}
