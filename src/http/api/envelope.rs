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

/// How a list is to be shown: `count`, `cursor`, `sort_by`, `with_deleted`, `with_total_count`.
#[derive(Debug)]
pub(super) struct Listing {
    count: usize,
    /// The id of the last one of the page before.
    cursor: Option<String>,
    pub(super) sort_by: &'static str,
    descending: bool,
    pub(super) with_deleted: bool,
    with_total_count: bool,
}

impl Listing {
    /// `sorted_by` names what it may be sorted by; the first is usual.
    pub(super) fn read<'f>(
        get: impl Fn(&str) -> Option<&'f str>,
        sorted_by: &[&'static str],
    ) -> Result<Self, ApiErrors> {
        let mut errors = Vec::new();
        let count = match get("count") {
            None => Some(COUNT),
            Some(text) => text.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count)),
        };
        if count.is_none() {
            errors.push(ApiError::invalid(
                "count",
                format!("count is not a whole number from 1 to {COUNT_MAX}"),
            ));
        }
        let (field, order) =
            get("sort_by").map_or(("", "asc"), |text| text.rsplit_once('-').unwrap_or((text, "asc")));
        let sort_by = sorted_by.iter().find(|known| field.is_empty() || **known == field);
        if sort_by.is_none() || !matches!(order, "asc" | "desc") {
            let list = sorted_by.join(", ");
            errors.push(ApiError::invalid(
                "sort_by",
                format!("sort_by is not one of {list} with -asc or -desc"),
            ));
        }
        let mut flag = |name: &'static str| match get(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                errors.push(ApiError::invalid(name, format!("{name} is neither true nor false")));
                false
            }
        };
        let (with_deleted, with_total_count) = (flag("with_deleted"), flag("with_total_count"));
        ApiErrors::none_or(errors)?;
        Ok(Self {
            count: count.unwrap_or(COUNT),
            cursor: get("cursor").map(str::to_owned),
            sort_by: sort_by.copied().unwrap_or_default(),
            descending: order == "desc",
            with_deleted,
            with_total_count,
        })
    }

    /// One page of `all`, which are sorted upwards.
    pub(super) fn page<T: Serialize>(
        &self,
        params: &Value,
        mut all: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Answer {
        if self.descending {
            all.reverse();
        }
        let total = all.len();
        let from = match &self.cursor {
            None => 0,
            Some(cursor) => match all.iter().position(|item| id(item) == cursor) {
                Some(at) => at + 1,
                None => {
                    let message = "cursor is not one that a page of this list has given";
                    return refused(&ApiErrors::one(ApiError::invalid("cursor", message)));
                }
            },
        };
        let page: Vec<_> = all.into_iter().skip(from).take(self.count).collect();
        let next = page.last().filter(|_| from + page.len() < total).map(|last| id(last).to_owned());
        let mut body = json!({"request": {"params": params}, "data": page, "next_cursor": next});
        if self.with_total_count {
            body["total_count"] = total.into();
        }
        answer(200, &body)
    }
}

const COUNT: usize = 200;
const COUNT_MAX: usize = 1_000;

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
