//! `POST /{11,12}/measurement/conversions/{pixel}`.

use serde::Serialize;

use super::envelope::{failed, refused};
use crate::domain::opt_out::OptOutView;
use crate::http::admin::json;
use crate::http::request::Head;
use crate::http::response::Answer;
use crate::http::service::Answering;
use crate::http::test_code;
use crate::http::visitor::parameter;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::ApiError;
use crate::service::conversion_upload::{ItemOutcome, UploadMode, UploadOptions};
use crate::service::outcome::Outcome;
use crate::service::pixel::PixelService;

pub(super) const BODY_BYTES_MAX: usize = 5_000_000;

/// 200 once every item is as safe as its class promises.
pub(super) fn upload<'s, V: OptOutView + Send + Sync>(
    pixel: &'s PixelService<V>,
    caller: &AccountCaller,
    pixel_id: &str,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let validates = parameter(head, "validate_only").is_some_and(|value| value == "true");
    let mode = if validates { UploadMode::Validate } else { UploadMode::Store };
    let is_tested = pixel.watch.tests.is_any(pixel.clock.now());
    let code = if is_tested { test_code::of_query(head) } else { None };
    let upload = match pixel.upload(caller, pixel_id, body, UploadOptions { mode, code }) {
        Ok(upload) => upload,
        Err(errors) => return Answering::Now(refused(&errors)),
    };
    let (account_id, debug_id) = (caller.account_id().to_string(), upload.debug_id.to_string());
    Answering::later(async move {
        let outcomes = upload.finish().await;
        told(account_id, debug_id, &outcomes)
    })
}

#[derive(Serialize)]
struct Told<'a> {
    request: Request,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Request {
    params: Params,
}

#[derive(Serialize)]
struct Params {
    account_id: String,
}

#[derive(Serialize)]
struct Data<'a> {
    conversions_processed: usize,
    debug_id: String,
    outcomes: Vec<OutcomeView<'a>>,
}

#[derive(Serialize)]
struct OutcomeView<'a> {
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

fn told(account_id: String, debug_id: String, outcomes: &[ItemOutcome]) -> Answer {
    let is_temporary =
        |outcome: &ItemOutcome| matches!(outcome, ItemOutcome::Done(outcome) if outcome.is_temporary());
    let waiting = outcomes.iter().filter(|outcome| is_temporary(outcome)).count();
    if waiting > 0 {
        let message = format!(
            "{waiting} of {} conversions could not be stored now; send all of them again, with a conversion_id so that none counts twice",
            outcomes.len()
        );
        let error = ApiError { code: "OVER_CAPACITY", message: message.into(), parameter: None };
        return failed(503, &[error]).with("Retry-After", "1");
    }
    let data = Data {
        conversions_processed: outcomes.len(),
        debug_id,
        outcomes: outcomes.iter().map(view).collect(),
    };
    json(200, &Told { request: Request { params: Params { account_id } }, data })
}

fn view(outcome: &ItemOutcome) -> OutcomeView<'_> {
    let ItemOutcome::Done(outcome) = outcome else {
        return OutcomeView { outcome: "valid", id: None, ack: None, reason: None };
    };
    let (id, ack) = match outcome {
        Outcome::Stored { id, proof } => (Some(id.to_string()), Some(proof.ack().name())),
        Outcome::Duplicate { id, .. } => (Some(id.to_string()), None),
        _ => (None, None),
    };
    OutcomeView { outcome: outcome.word(), id, ack, reason: outcome.reason() }
}
