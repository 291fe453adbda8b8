//! `/admin/…` and `/admin/…/{id}` of what an operator registers while the server runs: shown, put and taken away.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::admin::{bad_method, json};
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::service::caller::Caller;
use crate::service::json::is_shallow;
use crate::service::registration::{Registrations, Unchanged};

/// One of such a kind, as it is shown.
pub(super) trait Registered: Serialize + Send + 'static {
    type Id;
    /// The list's; one's own is below it.
    const PATH: &'static str;
    /// The list's name in JSON.
    const LIST: &'static str;
    /// What one is called.
    const ONE: &'static str;
    /// Completes "the fields of".
    const FIELDS: &'static str;
    /// What stands in the path of one.
    const ID: &'static str;
    /// All fields at their longest.
    const BODY_BYTES_MAX: usize;

    /// One way to write each, so that each has one address.
    fn parse_id(text: &str) -> Option<Self::Id>;

    fn is(&self, id: &Self::Id) -> bool;
}

/// Whether the path is the list's or one's own.
pub(super) fn is_below<R: Registered>(path: &str) -> bool {
    path.strip_prefix(R::PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[derive(Serialize)]
struct Errors {
    errors: Vec<String>,
}

pub(super) fn answer<'s, R: Registered<Id: Send>>(
    registry: &'s dyn Registrations<R::Id, R>,
    caller: &Caller,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    match (head.path.strip_prefix(R::PATH).and_then(|rest| rest.strip_prefix('/')), head.method) {
        (None, "GET") => {
            let list = registry.list(caller);
            later::<R>(async move { Ok(json(200, &BTreeMap::from([(R::LIST, list.await?)]))) })
        }
        (None, _) => Answering::Now(bad_method("GET")),
        (Some(id), "GET" | "PUT" | "DELETE") => about_one(registry, caller, (head.method, id), body)
            .unwrap_or_else(|why| Answering::Now(refusal::<R>(why))),
        (Some(_), _) => Answering::Now(bad_method("GET, PUT, DELETE")),
    }
}

fn about_one<'s, R: Registered<Id: Send>>(
    registry: &'s dyn Registrations<R::Id, R>,
    caller: &Caller,
    (method, id): (&str, &str),
    body: &[u8],
) -> Result<Answering<'s>, Unchanged> {
    let expected = || Unchanged::Mistaken(vec![format!("the path: expected {}/ and {}", R::PATH, R::ID)]);
    let id = R::parse_id(id).ok_or_else(expected)?;
    Ok(match method {
        "PUT" => {
            let put = registry.put(caller, id, read::<R>(body)?);
            later::<R>(async move {
                let put = put.await?;
                Ok(json(if put.is_new { 201 } else { 200 }, &put.view))
            })
        }
        "DELETE" => {
            let delete = registry.delete(caller, id);
            later::<R>(async move { delete.await.map(|()| Answer { status: 204, ..Answer::text(204, "") }) })
        }
        _ => {
            let list = registry.list(caller);
            later::<R>(async move {
                let one = list.await?.into_iter().find(|one| one.is(&id));
                one.map(|one| json(200, &one)).ok_or(Unchanged::Unknown)
            })
        }
    })
}

fn later<'s, R: Registered>(
    answer: impl Future<Output = Result<Answer, Unchanged>> + Send + 's,
) -> Answering<'s> {
    Answering::later(async move { answer.await.unwrap_or_else(refusal::<R>) })
}

fn read<R: Registered>(body: &[u8]) -> Result<Map<String, Value>, Unchanged> {
    let refuse = |what: String| Unchanged::Mistaken(vec![what]);
    let expected = format!("expected a JSON object with the fields of {}, at most 16 levels deep", R::FIELDS);
    let text = std::str::from_utf8(body).ok().filter(|text| is_shallow(text));
    let text = text.ok_or_else(|| refuse(expected.clone()))?;
    // What the parser says about a value may repeat it, and it may be a secret.
    serde_json::from_str(text)
        .map_err(|error| refuse(format!("line {}, column {}: {expected}", error.line(), error.column())))
}

fn refusal<R: Registered>(why: Unchanged) -> Answer {
    let (status, errors) = match why {
        Unchanged::Mistaken(errors) => (400, errors),
        Unchanged::Conflict(error) => (409, vec![error]),
        Unchanged::Unknown => (404, vec![format!("there is no such {}", R::ONE)]),
        Unchanged::Unavailable(error) => (503, vec![error]),
    };
    json(status, &Errors { errors })
}
