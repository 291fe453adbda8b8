//! The shape of the API's answers.

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::time::Timestamp;
use crate::http::admin::json as answer;
use crate::http::response::Answer;
use crate::service::api_error::{ApiError, ApiErrors};
use crate::service::api_limits::Allowance;

pub(super) fn done(params: &Value, data: &impl Serialize) -> Answer {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        request: Request<'a>,
        data: &'a T,
        next_cursor: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Request<'a> {
        params: &'a Value,
    }
    answer(200, &Envelope { request: Request { params }, data, next_cursor: None })
}

pub(super) fn refused(errors: &ApiErrors) -> Answer {
    failed(if errors.is_not_found() { 404 } else { 400 }, errors.list())
}

pub(super) fn failed(status: u16, errors: &[ApiError]) -> Answer {
    answer(status, &json!({"errors": errors, "request": {"params": {}}}))
}

pub(super) fn too_many(allowance: Allowance, now: Timestamp) -> Answer {
    let message = "the account has no requests left until x-rate-limit-reset";
    let error = ApiError { code: "TOO_MANY_REQUESTS", message: message.into(), parameter: None };
    let wait_s = allowance.reset_s.saturating_sub(now.0 / 1_000).max(1);
    failed(429, &[error]).with("Retry-After", wait_s.to_string())
}

pub(super) fn with_allowance(answer: Answer, allowance: Allowance) -> Answer {
    answer
        .with("x-rate-limit-limit", allowance.limit.to_string())
        .with("x-rate-limit-remaining", allowance.remaining.to_string())
        .with("x-rate-limit-reset", allowance.reset_s.to_string())
}

/// What a path says, to be repeated to who sent it.
pub(super) fn short(text: &str) -> &str {
    text.char_indices().nth(32).map_or(text, |(end, _)| &text[..end])
}
