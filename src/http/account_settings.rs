//! `POST /admin/settings` takes the settings of signed-in accounts: all that it holds, or nothing of it.
//!
//! No answer repeats an identifier.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::admin::json;
use super::response::Answer;
use super::service::Answering;
use crate::consent::prefs::{Prefs, Setting};
use crate::domain::id::HashedAccountId;
use crate::service::account_settings::AccountSettingsService;

/// A thousand accounts, each with some room around it.
pub(super) const BODY_BYTES_MAX: usize = 256 << 10;
const ACCOUNTS_MAX: usize = 1_000;
const ERRORS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    settings: Vec<Settings<'a>>,
}

/// `true`: on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings<'a> {
    #[serde(borrow)]
    hashed_account_id: Cow<'a, str>,
    personalize: bool,
    partners: bool,
    devices: bool,
    web: bool,
}

impl Settings<'_> {
    fn prefs(&self) -> Prefs {
        let settings = [
            (self.personalize, Setting::Personalize),
            (self.partners, Setting::Partners),
            (self.devices, Setting::Devices),
            (self.web, Setting::Web),
        ];
        let off = settings.into_iter().filter(|(is_on, _)| !is_on);
        off.fold(Prefs::default(), |prefs, (_, setting)| prefs.without(setting))
    }
}

#[derive(Serialize)]
struct Taken {
    recorded: usize,
    ack: &'static str,
}

#[derive(Serialize)]
struct Refused {
    errors: Vec<String>,
}

/// 200 once all of it is on the disk.
pub(super) fn record<'s>(service: &'s AccountSettingsService, body: &[u8]) -> Answering<'s> {
    let settings = match read(body) {
        Ok(settings) => settings,
        Err(errors) => return Answering::Now(json(400, &Refused { errors })),
    };
    Answering::later(async move {
        match service.record(&settings).await {
            Ok(()) => json(200, &Taken { recorded: settings.len(), ack: "disk" }),
            Err(error) => Answer::try_later(&error),
        }
    })
}

fn read(body: &[u8]) -> Result<Vec<(HashedAccountId, Prefs)>, Vec<String>> {
    // What the parser says about a value may repeat it.
    let request: Request<'_> = serde_json::from_slice(body).map_err(|error| {
        vec![format!("line {}, column {}: expected {EXPECTED}", error.line(), error.column())]
    })?;
    let count = request.settings.len();
    if !(1..=ACCOUNTS_MAX).contains(&count) {
        return Err(vec![format!("{count} accounts; expected 1 to {ACCOUNTS_MAX}")]);
    }
    let (mut accounts, mut first, mut errors) = (Vec::new(), HashMap::new(), Vec::new());
    for (number, settings) in (1..).zip(&request.settings) {
        match settings.hashed_account_id.trim().parse::<HashedAccountId>() {
            Err(_) => {
                errors.push(format!("account {number}: hashed_account_id is not 64 hexadecimal digits"))
            }
            Ok(account) => match first.insert(account, number) {
                Some(before) => errors.push(format!("account {number}: it is account {before} again")),
                None => accounts.push((account, settings.prefs())),
            },
        }
    }
    errors.truncate(ERRORS_MAX);
    if errors.is_empty() { Ok(accounts) } else { Err(errors) }
}

const EXPECTED: &str = "{\"settings\": [{\"hashed_account_id\": \"…\", \"personalize\": true, \"partners\": true, \
    \"devices\": true, \"web\": true}, …]}";

#[cfg(test)]
mod tests {
    use super::*;

    fn item(account: &str, rest: &str) -> String {
        format!(r#"{{"hashed_account_id":"{account}",{rest}}}"#)
    }

    const ALL_ON: &str = r#""personalize":true,"partners":true,"devices":true,"web":true"#;

    fn body(items: &[String]) -> String {
        format!(r#"{{"settings":[{}]}}"#, items.join(","))
    }

    fn account(number: usize) -> String {
        format!("{number:064x}")
    }

    #[test]
    fn each_switch_is_one_setting() {
        for (name, bits) in
            [("personalize", "1000"), ("partners", "0100"), ("devices", "0010"), ("web", "0001")]
        {
            let rest = ALL_ON.replace(&format!("\"{name}\":true"), &format!("\"{name}\":false"));
            let read = read(body(&[item(&"0F".repeat(32), &rest)]).as_bytes()).expect("good settings");
            let expect = (HashedAccountId::from_bytes([15; 32]), Prefs::parse(bits).expect("four bits"));
            assert_eq!(read, [expect]);
        }
    }

    #[test]
    fn a_thousand_are_taken_and_one_more_is_not() {
        let of =
            |count: usize| body(&(0..count).map(|number| item(&account(number), ALL_ON)).collect::<Vec<_>>());
        assert_eq!(read(of(ACCOUNTS_MAX).as_bytes()).map(|read| read.len()), Ok(ACCOUNTS_MAX));
        assert!(of(ACCOUNTS_MAX).len() + 40 * ACCOUNTS_MAX < BODY_BYTES_MAX);
        for count in [0, ACCOUNTS_MAX + 1] {
            assert_eq!(
                read(of(count).as_bytes()),
                Err(vec![format!("{count} accounts; expected 1 to 1000")])
            );
        }
    }

    #[test]
    fn every_mistake_is_told_and_no_identifier() {
        let good = item(&account(1), ALL_ON);
        let bad = item("jane@shop.example", ALL_ON);
        let again = item(&account(1), &ALL_ON.replace("true", "false"));
        let errors =
            read(body(&[good.clone(), bad.clone(), again, bad]).as_bytes()).expect_err("two mistakes");
        assert_eq!(
            errors,
            [
                "account 2: hashed_account_id is not 64 hexadecimal digits",
                "account 3: it is account 1 again",
                "account 4: hashed_account_id is not 64 hexadecimal digits",
            ]
        );
        for body in [
            String::new(),
            "[]".to_owned(),
            body(&[item(&account(1), r#""personalize":false"#)]),
            body(&[item("jane@shop.example", &ALL_ON.replace("true", "1"))]),
            body(&[item(&account(1), &format!(r#"{ALL_ON},"jane":true"#))]),
            good,
        ] {
            let errors = read(body.as_bytes()).expect_err(&body);
            assert!(
                errors.len() == 1 && errors[0].starts_with("line ") && !errors[0].contains("jane"),
                "{errors:?}"
            );
        }
    }
}
