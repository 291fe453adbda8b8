//! Who asks: OAuth 1.0a, a bearer token, or for conversions the pixel's token.

use super::envelope::failed;
use crate::domain::time::Timestamp;
use crate::http::request::Head;
use crate::http::response::Answer;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::ApiError;
use crate::service::live::Live;
use crate::service::nonces::Nonces;
use crate::service::oauth::OauthRequest;

pub(super) fn authenticate(
    live: &Live,
    nonces: &Nonces,
    head: &Head<'_>,
    body: &[u8],
    takes_pixel_token: bool,
    now: Timestamp,
) -> Option<AccountCaller> {
    let keys = &live.account_keys;
    if let Some(token) = head.header("x-pixel-token").filter(|_| takes_pixel_token) {
        return keys.by_pixel_token(token.trim());
    }
    let authorization = head.header("authorization")?;
    if let Some(token) = bearer(authorization) {
        return keys.by_bearer_token(token);
    }
    let is_form = head.header("content-type").is_some_and(|kind| {
        kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    });
    let request = OauthRequest {
        method: head.method,
        host: head.host()?,
        path: head.path,
        query: head.query,
        authorization,
        body,
        is_form,
    };
    keys.by_signature(&request, nonces, now)
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim_start().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The same whatever is wrong.
pub(super) fn unknown(takes_pixel_token: bool) -> Answer {
    let ways = match takes_pixel_token {
        true => "OAuth 1.0a, X-Pixel-Token or Authorization: Bearer",
        false => "OAuth 1.0a or Authorization: Bearer",
    };
    let message = format!("This request is not properly authenticated ({ways})");
    let error = ApiError { code: "UNAUTHORIZED_ACCESS", message: message.into(), parameter: None };
    failed(401, &[error]).with("WWW-Authenticate", "OAuth realm=\"pixelgate\", Bearer")
}
