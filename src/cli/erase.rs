//! `pixelgate erase`: removes what is stored about somebody.

use std::path::PathBuf;
use std::str::FromStr;

use serde_json::json;

use super::progress::spinner;
use super::{CliError, Io};
use crate::app::{self, Environment};
use crate::domain::id::{
    BrowserId, HashedDeviceId, HashedEmail, HashedPartnerUserId, HashedPhone, InvalidId, PartnerId,
};
use crate::domain::opt_out::Subject;
use crate::storage::reader;

/// Erase all that is stored about somebody, in a data directory that no server is running on.
///
/// Returns when it is gone from every file. Whoever opted out stays opted out. A running server takes the same request
/// as POST /admin/erasures. Identifiers are hexadecimal digits, as exported.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).multiple(true).args([
    "browser_id", "hashed_email", "hashed_phone", "hashed_device_id", "partner_user",
]))]
#[command(after_help = "Examples:\n  \
    pixelgate erase --data-dir pixelgate-dev --browser-id 0123456789abcdef0123456789abcdef\n  \
    printf %s jane@shop.example | sha256sum   # the argument of --hashed-email")]
pub(super) struct Args {
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
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
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn read<T: FromStr<Err = InvalidId>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: InvalidId| error.to_string())
}

fn partner_user(text: &str) -> Result<(PartnerId, HashedPartnerUserId), String> {
    let (partner, user) = text.split_once(':').ok_or("expected a partner's number, a colon and a hash")?;
    Ok((read(partner)?, read(user)?))
}

impl Args {
    fn subjects(&self) -> Vec<Subject> {
        let partner_users =
            self.partner_user.iter().map(|&(partner, user)| Subject::PartnerUser(partner, user));
        let browsers = self.browser_id.iter().copied().map(Subject::Browser);
        let emails = self.hashed_email.iter().copied().map(Subject::Email);
        let phones = self.hashed_phone.iter().copied().map(Subject::Phone);
        let devices = self.hashed_device_id.iter().copied().map(Subject::Device);
        browsers.chain(emails).chain(phones).chain(devices).chain(partner_users).collect()
    }
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    // Opening a log would make the directory.
    drop(reader::read(&args.data_dir, reader::From::Start)?);
    let progress = spinner("erasing");
    let request = app::erase(&args.data_dir, Environment::system(), &args.subjects())?;
    progress.finish_and_clear();
    let erased_at = request.erased_at.map(|at| at.to_string());
    if args.json {
        let json = json!({"id": request.id.to_string(), "at": request.at.to_string(), "subjects": request.subjects,
                          "rows": request.rows, "erased_at": erased_at});
        writeln!(io.out, "{json}")?;
    } else {
        let (rows, subjects) = (request.rows, request.subjects);
        writeln!(io.out, "{rows} row(s) of {subjects} subject(s) erased; receipt {}", request.id)?;
    }
    Ok(())
}
