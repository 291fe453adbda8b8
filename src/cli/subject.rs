//! People, as arguments of a command name them.

use std::str::FromStr;

use crate::domain::id::{
    BrowserId, HashedDeviceId, HashedEmail, HashedPartnerUserId, HashedPhone, InvalidId, PartnerId,
};
use crate::domain::opt_out::Subject;

/// At least one; each may be repeated. Identifiers are hexadecimal digits, as exported.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Named {
    /// A browser's id, 32 digits; may be repeated, as all of these.
    #[arg(long, value_name = "ID", value_parser = read::<BrowserId>)]
    browser_id: Vec<BrowserId>,
    /// SHA-256 of a trimmed, lower-cased e-mail address.
    #[arg(long, value_name = "SHA256", value_parser = read::<HashedEmail>)]
    hashed_email: Vec<HashedEmail>,
    /// SHA-256 of a phone number in E.164 with its +.
    #[arg(long, value_name = "SHA256", value_parser = read::<HashedPhone>)]
    hashed_phone: Vec<HashedPhone>,
    /// SHA-256 of a device's advertising id in lower case.
    #[arg(long, value_name = "SHA256", value_parser = read::<HashedDeviceId>)]
    hashed_device_id: Vec<HashedDeviceId>,
    /// A partner's number and the SHA-256 of its id for a person, with a colon between them.
    #[arg(long, value_name = "PARTNER:SHA256", value_parser = partner_user)]
    partner_user: Vec<(PartnerId, HashedPartnerUserId)>,
}

impl Named {
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let partner_users =
            self.partner_user.iter().map(|&(partner, user)| Subject::PartnerUser(partner, user));
        let browsers = self.browser_id.iter().copied().map(Subject::Browser);
        let emails = self.hashed_email.iter().copied().map(Subject::Email);
        let phones = self.hashed_phone.iter().copied().map(Subject::Phone);
        let devices = self.hashed_device_id.iter().copied().map(Subject::Device);
        browsers.chain(emails).chain(phones).chain(devices).chain(partner_users).collect()
    }
}

pub(super) fn read<T: FromStr<Err = InvalidId>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: InvalidId| error.to_string())
}

fn partner_user(text: &str) -> Result<(PartnerId, HashedPartnerUserId), String> {
    let (partner, user) = text.split_once(':').ok_or("expected a partner's number, a colon and a hash")?;
    Ok((read(partner)?, read(user)?))
}
