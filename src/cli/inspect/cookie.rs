//! `pixelgate inspect cookie`: what is in a browser-id cookie, and whether the server would believe it.

use std::path::PathBuf;

use serde_json::json;

use super::super::config_or_dev;
use super::{CliError, Io};
use crate::app;
use crate::domain::time::{Clock as _, MS_PER_DAY, Timestamp};
use crate::service::clock::SystemClock;
use crate::service::identity::{IdentityKeys, Known};

/// Show what is in a browser-id cookie, and whether the server would believe it. Ends with 1 if it would not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect cookie --config pixelgate.toml '__Host-Http-pg=v1.…'")]
pub(super) struct Args {
    /// The cookie's value; its name and what follows a `;` may be there.
    cookie: String,
    /// The configuration (TOML) whose keys count; without it, those of `serve --dev`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let config = config_or_dev(args.config.as_deref())?;
    let keys = app::identity(&config)?;
    let now = SystemClock.now();
    let verdict = judge(value_of(&args.cookie), &keys, now);
    if args.json {
        writeln!(io.out, "{}", verdict.as_json(&keys, now))?;
    } else {
        verdict.write(&keys, now, io)?;
    }
    match verdict {
        Verdict::Believed(_) => Ok(()),
        Verdict::Expired(_) => {
            Err(CliError::Negative("the cookie is too old, or from the future".to_owned()))
        }
        Verdict::Foreign => Err(CliError::Negative(
            "no key of the configuration signed this, so it counts as no cookie".to_owned(),
        )),
    }
}

/// `name=value; Path=/` -> `value`. A value itself has no `=`.
fn value_of(cookie: &str) -> &str {
    let pair = cookie.split(';').next().unwrap_or_default().trim();
    pair.split_once('=').map_or(pair, |(_, value)| value)
}

enum Verdict {
    Believed(Known),
    /// Signed by one of the keys, at another time.
    Expired(Known),
    Foreign,
}

fn judge(value: &str, keys: &IdentityKeys, now: Timestamp) -> Verdict {
    if let Some(known) = keys.verify(value, now) {
        return Verdict::Believed(known);
    }
    // On the day on which it says it was issued, only its signature can be in the way.
    let issued_day = value.split('.').nth(2).and_then(|day| day.parse::<u32>().ok());
    let then = issued_day.map(|day| Timestamp(u64::from(day) * MS_PER_DAY));
    then.and_then(|then| keys.verify(value, then)).map_or(Verdict::Foreign, Verdict::Expired)
}

impl Verdict {
    const fn known(&self) -> Option<&Known> {
        match self {
            Self::Believed(known) | Self::Expired(known) => Some(known),
            Self::Foreign => None,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Believed(_) => "believed",
            Self::Expired(_) => "expired",
            Self::Foreign => "foreign",
        }
    }

    fn as_json(&self, keys: &IdentityKeys, now: Timestamp) -> serde_json::Value {
        let Some(known) = self.known() else { return json!({"verdict": self.name()}) };
        json!({
            "verdict": self.name(),
            "browser_id": known.cookie.browser_id.expose(),
            "issued_on": date(known.cookie.issued_day),
            "days_left": keys.days_left(known.cookie, now),
            "of_old_key": known.of_old_key,
        })
    }

    fn write(&self, keys: &IdentityKeys, now: Timestamp, io: &mut Io<'_>) -> Result<(), CliError> {
        writeln!(io.out, "{}", self.name())?;
        let Some(known) = self.known() else { return Ok(()) };
        writeln!(io.out, "browser id  {}", known.cookie.browser_id.expose())?;
        writeln!(io.out, "issued on   {}", date(known.cookie.issued_day))?;
        writeln!(io.out, "days left   {}", keys.days_left(known.cookie, now))?;
        let key =
            if known.of_old_key { "an old one; the next hit gets it signed anew" } else { "the current one" };
        writeln!(io.out, "signed by   {key}")?;
        Ok(())
    }
}

fn date(day: u32) -> String {
    let text = Timestamp(u64::from(day) * MS_PER_DAY).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;
    use super::*;

    #[test]
    fn a_cookie_is_found_in_the_header_that_set_it() {
        assert_eq!(value_of("__Host-Http-pg=v1.a.2.3.x; Path=/; Secure"), "v1.a.2.3.x");
        assert_eq!(value_of(" v1.a.2.3.x "), "v1.a.2.3.x");
    }

    #[test]
    fn what_nobody_signed_is_foreign() {
        for cookie in ["", "x", "v1.00112233445566778899aabbccddeeff.20000.1.AAAA", "v1.a.99999999999.1.x"] {
            assert_eq!(
                command(&["inspect", "cookie", cookie], ""),
                ("foreign\n".to_owned(), 1),
                "{cookie:?}"
            );
        }
    }
}
