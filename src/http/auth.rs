//! The administrator's token, from the header that carries it.

use super::rate_limit::RateLimits;
use super::request::Head;
use super::response::Answer;
use crate::service::caller::{Caller, Keys};

/// `Authorization: Bearer <token>`; without the right one the answer to give instead.
///
/// Every attempt counts, before the token is looked at, so that a guess over the limit is not even told whether it was
/// right. By address against guessing; by token against one that went round, which may come from many addresses.
pub fn authenticate(keys: &Keys, limits: &RateLimits, head: &Head<'_>) -> Result<Caller, Answer> {
    limits.check_address(head.client).map_err(|wait| wait.answer())?;
    let header = head.header("authorization").and_then(|value| value.split_once(' '));
    let token =
        header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let Some(token) = token else { return Err(unknown()) };
    limits.check_token(token).map_err(|wait| wait.answer())?;
    keys.authenticate(token).ok_or_else(unknown)
}

fn unknown() -> Answer {
    Answer::text(401, "send the admin token: Authorization: Bearer <token>\n")
        .with("WWW-Authenticate", "Bearer")
}
