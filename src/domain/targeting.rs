//! Partner targeting user files: whom a partner says that an advertiser wants to reach, by the partner's own ids.
//!
//! X's format: a row is the partner's number, the advertiser's handle, the partner's id for a person, a score if there is
//! one, and an audience's name if there is one, with tabs between them.

use std::fmt;

use super::id::PartnerId;
use super::personal::looks_personal;
use super::time::Timestamp;

/// One row. The id is as it stands there: what a partner's ids look like only its registration says.
#[derive(Debug, PartialEq, Eq)]
pub struct TargetingRow<'t> {
    pub partner_id: PartnerId,
    pub handle: Handle,
    pub partner_user_id: &'t str,
    /// From 0 to 100.
    pub score: Option<u8>,
    pub audience: Option<&'t str>,
}

/// What is wrong with a row. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadTargetingRow {
    Columns,
    PartnerNumber,
    Handle,
    Score,
    AudienceName,
}

impl BadTargetingRow {
    /// What was expected.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Columns => {
                "expected 3 to 5 columns with tabs between them: the partner's number, an advertiser's handle, the partner's id for a person, a score, an audience's name"
            }
            Self::PartnerNumber => "expected the partner's own number in column 1",
            Self::Handle => "expected a handle of 1 to 15 letters, digits and _ in column 2",
            Self::Score => "expected nothing or a whole number from 0 to 100 in column 4",
            Self::AudienceName => {
                "expected nothing or 1 to 255 characters, and nobody's address or phone number, in column 5"
            }
        }
    }
}

impl<'t> TargetingRow<'t> {
    /// `line` without its end. Columns may have blanks around them; those that are optional may be empty or left out.
    pub fn parse(line: &'t str) -> Result<Self, BadTargetingRow> {
        use BadTargetingRow as Bad;
        let mut columns = line.split('\t').map(str::trim);
        let [number, handle, partner_user_id, score, audience] =
            std::array::from_fn(|_| columns.next().unwrap_or_default());
        if partner_user_id.is_empty() || columns.next().is_some() {
            return Err(Bad::Columns);
        }
        let audience = Some(audience).filter(|name| !name.is_empty());
        if !audience.is_none_or(is_audience_name) {
            return Err(Bad::AudienceName);
        }
        Ok(Self {
            partner_id: number.parse().map(PartnerId::from_number).map_err(|_| Bad::PartnerNumber)?,
            handle: Handle::parse(handle).ok_or(Bad::Handle)?,
            partner_user_id,
            score: match score {
                "" => None,
                _ => Some(score.parse().ok().filter(|score| *score <= SCORE_MAX).ok_or(Bad::Score)?),
            },
            audience,
        })
    }
}

fn is_audience_name(name: &str) -> bool {
    name.chars().count() <= AUDIENCE_NAME_CHARS_MAX
        && !name.chars().any(char::is_control)
        && !looks_personal(name)
}

/// An advertiser's name on X, in lower case and without the `@`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(Box<str>);

impl Handle {
    /// `@Shop_1` or `shop_1`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('@').unwrap_or(text);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=HANDLE_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.to_ascii_lowercase().into()))
    }
}

/// With the `@`.
impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// Where a partner has a file for each day: `https://files.adhub.example/partner_targeting_%Y-%M-%D.tsv.gz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedAddress(Box<str>);

impl DatedAddress {
    /// `None` unless it is `http://` or `https://` with a host, without a user name and a fragment, and has each of `%Y`,
    /// `%M` and `%D` once behind the host.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let (authority, path) = rest.split_once('/')?;
        let host_ok = !authority.is_empty() && !authority.contains(['@', '%', '?', '#', '\\']);
        let dated = DATE_PARTS.iter().all(|part| path.matches(part).count() == 1);
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains('#');
        (host_ok && dated && plain).then(|| Self(text.into()))
    }

    /// The file of the day of `at`, in UTC.
    pub fn on(&self, at: Timestamp) -> String {
        let date = at.to_string();
        let parts = [&date[..4], &date[5..7], &date[8..10]];
        DATE_PARTS.iter().zip(parts).fold(self.0.to_string(), |text, (part, value)| text.replace(part, value))
    }
}

impl fmt::Display for DatedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const DATE_PARTS: [&str; 3] = ["%Y", "%M", "%D"];
pub const SCORE_MAX: u8 = 100;
const AUDIENCE_NAME_CHARS_MAX: usize = 255;
const HANDLE_CHARS_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    type Columns<'t> = (u32, &'t str, &'t str, Option<u8>, Option<&'t str>);

    #[track_caller]
    fn check(line: &str, expect: Result<Columns<'_>, BadTargetingRow>) {
        let expect = expect.map(|(number, handle, partner_user_id, score, audience)| TargetingRow {
            partner_id: PartnerId::from_number(number),
            handle: Handle::parse(handle).expect("a handle"),
            partner_user_id,
            score,
            audience,
        });
        assert_eq!(TargetingRow::parse(line), expect, "{line:?}");
    }

    #[test]
    fn a_row_has_three_to_five_columns() {
        check("111\t@Shop\tabc", Ok((111, "shop", "abc", None, None)));
        check("111\tshop\tabc\t0", Ok((111, "shop", "abc", Some(0), None)));
        check(
            "111\t@shop_1\tabc\t100\tcup lovers",
            Ok((111, "shop_1", "abc", Some(100), Some("cup lovers"))),
        );
        check(" 111 \t @shop \t abc \t\t caf\u{e9} ", Ok((111, "shop", "abc", None, Some("caf\u{e9}"))));
        check("111\tshop\tabc\t\t", Ok((111, "shop", "abc", None, None)));
        let longest = "x".repeat(AUDIENCE_NAME_CHARS_MAX);
        check(&format!("1\ts\ta\t7\t{longest}"), Ok((1, "s", "a", Some(7), Some(&longest))));
    }

    #[test]
    fn what_is_no_row_says_which_column_is_wrong() {
        use BadTargetingRow as Bad;
        for line in ["", "111", "111\tshop", "111\tshop\t", "111\tshop\tabc\t1\tx\ty", "111,shop,abc"] {
            check(line, Err(Bad::Columns));
        }
        for line in ["acme\tshop\tabc", "-1\tshop\tabc", "4294967296\tshop\tabc", "\tshop\tabc"] {
            check(line, Err(Bad::PartnerNumber));
        }
        for line in ["111\t\tabc", "111\t@\tabc", "111\tsh op\tabc", "111\t@sixteen_letters_\tabc"] {
            check(line, Err(Bad::Handle));
        }
        for line in ["111\tshop\tabc\t101", "111\tshop\tabc\t-1", "111\tshop\tabc\t1.5", "111\tshop\tabc\tx"]
        {
            check(line, Err(Bad::Score));
        }
        let long = format!("111\tshop\tabc\t1\t{}", "x".repeat(AUDIENCE_NAME_CHARS_MAX + 1));
        for line in ["111\tshop\tabc\t1\tjane@mail.example", "111\tshop\tabc\t1\ta\u{7}b", &long] {
            check(line, Err(Bad::AudienceName));
        }
    }

    #[test]
    fn a_file_has_an_address_for_each_day() {
        let text = "https://files.adhub.example/in/partner_targeting_%Y-%M-%D.tsv.gz?v=1";
        let address = DatedAddress::parse(text).expect("an address");
        let at = Timestamp(1_795_316_645_678);
        assert_eq!(address.on(at), "https://files.adhub.example/in/partner_targeting_2026-11-22.tsv.gz?v=1");
        assert_eq!(address.to_string(), text);
        for text in [
            "ftp://files.example/%Y%M%D",
            "https:///%Y%M%D",
            "https://files.example/%Y%M",
            "https://files.example/%Y%M%D%D",
            "https://%Y%M%D.example/",
            "https://user:pass@files.example/%Y%M%D",
            "https://files.example/%Y%M%D#top",
            "https://files.example/%Y %M %D",
            "https://files.example",
        ] {
            assert_eq!(DatedAddress::parse(text), None, "{text}");
        }
    }
}
