//! A person's request to be left alone, and its withdrawal.

use super::id::{
    BrowserId, HashedAccountId, HashedDeviceId, HashedEmail, HashedPartnerUserId, HashedPhone, PartnerId,
};
use super::time::Timestamp;

/// Who a stored row is about, in the terms in which a person can opt out and have it erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Browser(BrowserId),
    Device(HashedDeviceId),
    PartnerUser(PartnerId, HashedPartnerUserId),
    Email(HashedEmail),
    Phone(HashedPhone),
    /// By the account that a person is signed in to. It has settings and no opt-out: no hit is stored with it.
    SignedIn(HashedAccountId),
}

impl Subject {
    /// What the subject is told by, as lists of opt-outs and exports name it.
    pub const fn key_name(self) -> &'static str {
        match self {
            Self::Browser(_) => "browser_id",
            Self::Device(_) => "hashed_device_id",
            Self::PartnerUser(..) => "hashed_partner_user_id",
            Self::Email(_) => "hashed_email",
            Self::Phone(_) => "hashed_phone",
            Self::SignedIn(_) => "hashed_account_id",
        }
    }

    /// The identifier in hexadecimal digits.
    pub fn expose(self) -> String {
        match self {
            Self::Browser(id) => id.expose(),
            Self::Device(id) => id.expose(),
            Self::PartnerUser(_, id) => id.expose(),
            Self::Email(id) => id.expose(),
            Self::Phone(id) => id.expose(),
            Self::SignedIn(id) => id.expose(),
        }
    }

    /// Of a partner's user: whose.
    pub const fn partner_id(self) -> Option<PartnerId> {
        match self {
            Self::PartnerUser(partner_id, _) => Some(partner_id),
            _ => None,
        }
    }
}

/// Everyone whom one value is about: an opt-out of any of them counts.
pub type Subjects = [Option<Subject>; SUBJECTS_MAX];

/// A browser, an e-mail address and a phone number.
pub const SUBJECTS_MAX: usize = 3;

/// One change to the set of opted-out subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptOut {
    pub subject: Subject,
    pub at: Timestamp,
    pub choice: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Store nothing about the subject from here on.
    Out,
    /// The subject explicitly took an earlier opt-out back.
    In,
}

/// The opted-out subjects as a reader sees them. The log's writer has the last word on them.
pub trait OptOutView {
    fn is_opted_out(&self, subject: Subject) -> bool;

    fn is_any_opted_out(&self, subjects: &Subjects) -> bool {
        subjects.iter().flatten().any(|&subject| self.is_opted_out(subject))
    }
}
