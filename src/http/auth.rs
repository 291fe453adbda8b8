//! The administrator's token, from the header that carries it.

use super::request::Head;
use super::response::Answer;
use crate::service::caller::{Caller, Keys};

/// `Authorization: Bearer <token>`; without the right one the answer to give instead.
pub fn authenticate(keys: &Keys, head: &Head<'_>) -> Result<Caller, Answer> {
    let header = head.header("authorization").and_then(|value| value.split_once(' '));
    let token =
        header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    token.and_then(|token| keys.authenticate(token)).ok_or_else(|| {
        Answer::text(401, "send the admin token: Authorization: Bearer <token>\n")
            .with("WWW-Authenticate", "Bearer")
    })
}
