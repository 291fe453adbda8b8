//! `POST /v1/delete`: another company asks for an erasure (IAB Tech Lab, "Data Deletion Request Framework", version
//! 1.0). How to ask is in `dsrdelete.json`, among the [documents](super::well_known).
//!
//! No answer repeats whom a request names, but for the request itself, inside what goes back to who signed it.

use serde::Deserialize;

use super::admin::json;
use super::response::Answer;
use super::service::Answering;
use crate::service::deletion::DeletionService;
use crate::service::json::is_shallow;

pub const PATH: &str = "/v1/delete";

/// A token in a token, both signed with RSA of 8,192 bits, is 6 KiB long.
pub const BODY_BYTES_MAX: usize = 16 << 10;

/// 202 with an acknowledgement once the erasure is on the disk; 400 with one that says why there is none; 404 where
/// nobody may ask.
pub fn answer<'s>(service: &'s DeletionService, body: &[u8]) -> Answering<'s> {
    match service.check(&request(body)) {
        None => Answering::Now(Answer::text(404, "there is nothing at this path\n")),
        Some(Err(refusal)) => Answering::Now(json(400, &refusal)),
        Some(Ok(accepted)) => Answering::later(async move {
            match service.follow(accepted).await {
                Ok(acknowledgement) => json(202, &acknowledgement),
                Err(error) => Answer::try_later(&error),
            }
        }),
    }
}

/// The framework does not say how a request stands in the body: this takes it as it is, and in an object under its name.
/// What is neither is empty, which is no request.
fn request(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "rqJWT")]
        rq_jwt: String,
    }
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    if !text.starts_with('{') {
        return text.to_owned();
    }
    let body: Option<Body> =
        Some(text).filter(|text| is_shallow(text)).and_then(|text| serde_json::from_str(text).ok());
    body.map(|body| body.rq_jwt).unwrap_or_default()
}
