//! Signing in with the account's key, and out again.

use askama::Template;

use super::{Asked, PATH, STYLE_NOW, shown};
use crate::http::response::Answer;
use crate::http::{cookie, pages, privacy};

/// Why nobody was signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Whatever is wrong with the key.
    Key,
    /// Too many attempts; try again after this long.
    TooMany { seconds: u64 },
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "static/advertiser/askama.toml")]
struct Page {
    style: &'static str,
    token: String,
    refused: Option<Refused>,
}

/// The form, and why it is shown again.
pub(super) fn page(asked: &Asked<'_, '_>, refused: Option<Refused>) -> Answer {
    let token = asked.forms.session_token(asked.session(), asked.now);
    let answer = shown(&Page { style: STYLE_NOW, token, refused });
    match refused {
        None => answer,
        Some(Refused::Key) => Answer { status: 403, ..answer },
        Some(Refused::TooMany { seconds }) => {
            Answer { status: 429, ..answer }.with("Retry-After", seconds.to_string())
        }
    }
}

/// Every attempt counts before the key is looked at, so that a guess over the limit is not even told whether it was
/// right. What another site has a browser send is no attempt.
pub(super) fn sign_in(asked: &Asked<'_, '_>, body: &[u8]) -> Answer {
    let session = asked.session();
    if !asked.forms.is_of_session(asked.head, body, session, asked.now) {
        return privacy::not_ours();
    }
    let key = pages::field(body, "key").unwrap_or_default();
    let limits = &asked.advertiser.limits;
    if let Err(wait) = limits.check_address(asked.head.client).and_then(|()| limits.check_token(key.trim())) {
        return page(asked, Some(Refused::TooMany { seconds: wait.seconds }));
    }
    match asked.advertiser.sessions.open(&asked.live.account_keys, key.trim(), asked.now) {
        Some(session) => cookie::keep_advertiser_session(to_the_page(), asked.live, &session),
        None => page(asked, Some(Refused::Key)),
    }
}

/// Takes the session out of the browser.
pub(super) fn sign_out(asked: &Asked<'_, '_>, body: &[u8]) -> Answer {
    let session = asked.session();
    if !asked.forms.is_of_session(asked.head, body, session, asked.now) {
        return privacy::not_ours();
    }
    cookie::end_advertiser_session(to_the_page(), asked.live)
}

fn to_the_page() -> Answer {
    pages::see_other(PATH, &[]).with("Cache-Control", "no-store")
}
