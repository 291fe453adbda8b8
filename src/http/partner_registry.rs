//! `/admin/partners` and `/admin/partners/{id}`: partners of cookie matching, shown, registered and taken away.
//!
//! No answer holds a partner's secret.

use serde::Serialize;
use serde_json::{Map, Value};

use super::admin::{bad_method, json};
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::domain::id::PartnerId;
use crate::service::caller::Caller;
use crate::service::json::is_shallow;
use crate::service::partner_registry::{PartnerRegistry, PartnerView, Unchanged};

pub(super) const PATH: &str = "/admin/partners";
/// All fields at their longest, some addresses over.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// Whether the path is the list's or a partner's.
pub(super) fn is_below(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[derive(Serialize)]
struct List {
    partners: Vec<PartnerView>,
}

#[derive(Serialize)]
struct Errors {
    errors: Vec<String>,
}

pub(super) fn answer<'s>(
    registry: &'s dyn PartnerRegistry,
    caller: &Caller,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    match (head.path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')), head.method) {
        (None, "GET") => {
            let list = registry.list(caller);
            later(async move { Ok(json(200, &List { partners: list.await? })) })
        }
        (None, _) => Answering::Now(bad_method("GET")),
        (Some(id), "GET" | "PUT" | "DELETE") => about_one(registry, caller, (head.method, id), body)
            .unwrap_or_else(|why| Answering::Now(refusal(why))),
        (Some(_), _) => Answering::Now(bad_method("GET, PUT, DELETE")),
    }
}

fn about_one<'s>(
    registry: &'s dyn PartnerRegistry,
    caller: &Caller,
    (method, id): (&str, &str),
    body: &[u8],
) -> Result<Answering<'s>, Unchanged> {
    let id = parse_id(id)?;
    Ok(match method {
        "PUT" => {
            let put = registry.put(caller, id, read(body)?);
            later(async move {
                let put = put.await?;
                Ok(json(if put.is_new { 201 } else { 200 }, &put.partner))
            })
        }
        "DELETE" => {
            let delete = registry.delete(caller, id);
            later(async move { delete.await.map(|()| Answer { status: 204, ..Answer::text(204, "") }) })
        }
        _ => {
            let list = registry.list(caller);
            later(async move {
                let partner = list.await?.into_iter().find(|partner| partner.id == id.number());
                partner.map(|partner| json(200, &partner)).ok_or(Unchanged::Unknown)
            })
        }
    })
}

fn later<'s>(answer: impl Future<Output = Result<Answer, Unchanged>> + Send + 's) -> Answering<'s> {
    Answering::later(async move { answer.await.unwrap_or_else(refusal) })
}

/// One way to write each, so that a partner has one address.
fn parse_id(text: &str) -> Result<PartnerId, Unchanged> {
    let number = text.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == text);
    let expected = "the path: expected /admin/partners/ and a whole number from 1 to 4294967295";
    number.map(PartnerId::from_number).ok_or_else(|| Unchanged::Mistaken(vec![expected.to_owned()]))
}

fn read(body: &[u8]) -> Result<Map<String, Value>, Unchanged> {
    let refuse = |what: String| Unchanged::Mistaken(vec![what]);
    let expected = "expected a JSON object with the fields of a [[partners]] table, at most 16 levels deep";
    let text = std::str::from_utf8(body).ok().filter(|text| is_shallow(text));
    let text = text.ok_or_else(|| refuse(expected.to_owned()))?;
    // What the parser says about a value may repeat it, and it may be the secret.
    serde_json::from_str(text)
        .map_err(|error| refuse(format!("line {}, column {}: {expected}", error.line(), error.column())))
}

fn refusal(why: Unchanged) -> Answer {
    let (status, errors) = match why {
        Unchanged::Mistaken(errors) => (400, errors),
        Unchanged::Conflict(error) => (409, vec![error]),
        Unchanged::Unknown => (404, vec!["there is no such partner".to_owned()]),
        Unchanged::Unavailable(error) => (503, vec![error]),
    };
    json(status, &Errors { errors })
}
