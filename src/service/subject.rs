//! People as operators name them, in lists and in requests.

use std::borrow::Cow;
use std::str::FromStr;

use arrayvec::ArrayVec;
use serde::Deserialize;

use crate::domain::id::{HashedDeviceId, HashedPartnerUserId, PartnerId};
use crate::domain::opt_out::Subject;
use crate::storage::digest::sha256;

/// One or more identifiers of one person. A partner's id for a person comes with the partner's number.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Named<'a> {
    pub(super) browser_id: Option<Cow<'a, str>>,
    pub(super) hashed_email: Option<Cow<'a, str>>,
    pub(super) hashed_phone: Option<Cow<'a, str>>,
    /// In clear; hashed here.
    pub(super) device_id: Option<Cow<'a, str>>,
    pub(super) hashed_device_id: Option<Cow<'a, str>>,
    pub(super) partner_id: Option<u32>,
    /// In clear; hashed here.
    pub(super) partner_user_id: Option<Cow<'a, str>>,
    pub(super) hashed_partner_user_id: Option<Cow<'a, str>>,
    /// Has settings, which can be erased, and no opt-out.
    pub(super) hashed_account_id: Option<Cow<'a, str>>,
}

/// The names of the fields of a [`Named`] that can opt out.
pub const NAMES: [&str; 8] = [
    "browser_id",
    "hashed_email",
    "hashed_phone",
    "device_id",
    "hashed_device_id",
    "partner_id",
    "partner_user_id",
    "hashed_partner_user_id",
];

/// Every identifier that one [`Named`] can have.
pub type NamedSubjects = ArrayVec<Subject, 8>;

/// What is wrong with a [`Named`]. Repeats none of its values: one that is in the wrong place may name a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("it names nobody")]
    Nobody,
    #[error("{0} is not {1}")]
    Value(&'static str, &'static str),
    #[error("hashed_account_id has settings, which POST /admin/settings takes, and no opt-out")]
    Account,
    #[error("partner_id and partner_user_id (or hashed_partner_user_id) come together")]
    Partner,
}

impl Named<'_> {
    /// Whoever of them can opt out; somebody else among them is an error.
    pub fn subjects(&self) -> Result<NamedSubjects, BadName> {
        if self.hashed_account_id.is_some() { Err(BadName::Account) } else { self.erasable() }
    }

    /// All of them.
    pub fn erasable(&self) -> Result<NamedSubjects, BadName> {
        let partner = PartnerId::from_number(self.partner_id.unwrap_or_default());
        let user = |id| Subject::PartnerUser(partner, id);
        let has_user = self.partner_user_id.is_some() || self.hashed_partner_user_id.is_some();
        if self.partner_id.is_some() != has_user {
            return Err(BadName::Partner);
        }
        let named = [
            parse("browser_id", "32 hexadecimal digits", &self.browser_id, Subject::Browser)?,
            parse("hashed_email", SHA_256, &self.hashed_email, Subject::Email)?,
            parse("hashed_phone", SHA_256, &self.hashed_phone, Subject::Phone)?,
            parse("hashed_device_id", SHA_256, &self.hashed_device_id, Subject::Device)?,
            parse("hashed_partner_user_id", SHA_256, &self.hashed_partner_user_id, user)?,
            parse("hashed_account_id", SHA_256, &self.hashed_account_id, Subject::SignedIn)?,
            self.device_id.as_deref().map(device).transpose()?,
            self.partner_user_id.as_deref().map(partner_user_id).transpose()?.map(user),
        ];
        let subjects: NamedSubjects = named.into_iter().flatten().collect();
        if subjects.is_empty() { Err(BadName::Nobody) } else { Ok(subjects) }
    }
}

const SHA_256: &str = "64 hexadecimal digits";

fn parse<T: FromStr>(
    name: &'static str,
    expected: &'static str,
    text: &Option<Cow<'_, str>>,
    subject: impl Fn(T) -> Subject,
) -> Result<Option<Subject>, BadName> {
    let Some(text) = text else { return Ok(None) };
    text.trim().parse().map(|id| Some(subject(id))).map_err(|_| BadName::Value(name, expected))
}

/// An advertising id: a UUID, which says nothing if all its digits are zeros.
fn device(text: &str) -> Result<Subject, BadName> {
    let id = text.trim().to_ascii_lowercase();
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_uuid || id.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return Err(BadName::Value("device_id", "a UUID other than zeros"));
    }
    Ok(Subject::Device(HashedDeviceId::from_bytes(sha256(id.as_bytes()))))
}

fn partner_user_id(text: &str) -> Result<HashedPartnerUserId, BadName> {
    if text.is_empty() || text.len() > PARTNER_USER_ID_BYTES_MAX || text.contains(char::is_control) {
        return Err(BadName::Value("partner_user_id", "1 to 256 bytes without control characters"));
    }
    Ok(HashedPartnerUserId::from_bytes(sha256(text.as_bytes())))
}

const PARTNER_USER_ID_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{BrowserId, HashedAccountId, HashedEmail};

    fn read(json: &str) -> Result<Vec<Subject>, BadName> {
        let named: Named<'_> = serde_json::from_str(json).expect("JSON with known names");
        named.subjects().map(|subjects| subjects.to_vec())
    }

    #[test]
    fn one_person_may_have_several_identifiers() {
        let (id, hash) = ("0f".repeat(16), "0F".repeat(32));
        let subjects = read(&format!(r#"{{"browser_id":" {id}","hashed_email":"{hash}"}}"#));
        let browser = Subject::Browser(BrowserId::from_bytes([15; 16]));
        let email = Subject::Email(HashedEmail::from_bytes([15; 32]));
        assert_eq!(subjects, Ok(vec![browser, email]));
    }

    #[test]
    fn device_ids_and_partners_ids_are_hashed() {
        let of = |json| read(json).map(|subjects| (subjects[0].key_name(), subjects[0].expose()));
        // printf %s abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            of(r#"{"partner_id":7,"partner_user_id":"abc"}"#),
            Ok(("hashed_partner_user_id", abc.to_owned()))
        );
        let upper = of(r#"{"device_id":"6D92078A-8246-4BA4-AE5B-76104861E7DC"}"#);
        assert_eq!(upper, of(r#"{"device_id":" 6d92078a-8246-4ba4-ae5b-76104861e7dc"}"#));
        assert!(upper.is_ok_and(|(name, _)| name == "hashed_device_id"));
    }

    #[test]
    fn an_account_can_be_erased_and_not_opted_out() {
        let json = format!(r#"{{"hashed_account_id":"{}"}}"#, "0f".repeat(32));
        assert_eq!(read(&json), Err(BadName::Account));
        let named: Named<'_> = serde_json::from_str(&json).expect("JSON with known names");
        let account = Subject::SignedIn(HashedAccountId::from_bytes([15; 32]));
        assert_eq!(named.erasable().map(|subjects| subjects.to_vec()), Ok(vec![account]));
    }

    #[test]
    fn what_names_nobody_is_told_without_its_value() {
        let value = |name| BadName::Value(name, SHA_256);
        for (json, expect) in [
            (r"{}", BadName::Nobody),
            (r#"{"hashed_email":"jane@shop.example"}"#, value("hashed_email")),
            (r#"{"hashed_phone":"+15551234"}"#, value("hashed_phone")),
            (r#"{"partner_user_id":"abc"}"#, BadName::Partner),
            (r#"{"partner_id":7}"#, BadName::Partner),
            (
                r#"{"device_id":"00000000-0000-0000-0000-000000000000"}"#,
                BadName::Value("device_id", "a UUID other than zeros"),
            ),
            (r#"{"device_id":"6d92078a"}"#, BadName::Value("device_id", "a UUID other than zeros")),
            (
                r#"{"partner_id":7,"partner_user_id":""}"#,
                BadName::Value("partner_user_id", "1 to 256 bytes without control characters"),
            ),
        ] {
            assert_eq!(read(json), Err(expect), "{json}");
        }
        for name in NAMES {
            assert!(serde_json::from_str::<Named<'_>>(&format!(r#"{{"{name}":null}}"#)).is_ok(), "{name}");
        }
        assert!(serde_json::from_str::<Named<'_>>(r#"{"email":"jane@shop.example"}"#).is_err());
    }
}
