//! `/openapi.json` says what is there: its paths and methods are those that are routed, and its examples get the answers
//! that it documents.

use std::path::Path;

use serde_json::{Map, Value};

use crate::source::{Kind, Source};
use crate::world::{Reply, World, send};

fn document() -> Value {
    let reply = World::dev().get("/openapi.json", &[]);
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")));
    assert_eq!(reply.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(reply.header("Cache-Control"), Some("public, max-age=86400"));
    reply.json()
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().map(|(path, item)| (path, item.as_object().expect("operations")))
}

/// `path` with its parameters as the examples have them, and those that a query has to have.
fn filled(document: &Value, path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| resolved(document, parameter));
    parameters.fold(path.to_owned(), |path, parameter| {
        let example = parameter["example"].to_string().replace('"', "");
        let name = parameter["name"].as_str().expect("a name");
        match (&parameter["in"], &parameter["required"]) {
            (Value::String(place), _) if place == "path" => path.replace(&format!("{{{name}}}"), &example),
            (Value::String(place), Value::Bool(true)) if place == "query" && !example.is_empty() => {
                format!("{path}{}{name}={example}", if path.contains('?') { '&' } else { '?' })
            }
            _ => path,
        }
    })
}

/// What a `$ref` stands for.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let Some(place) = value["$ref"].as_str() else { return value };
    let place = place.strip_prefix('#').expect("a place in this document");
    document.pointer(place).unwrap_or_else(|| panic!("nothing is at {place}"))
}

#[test]
fn every_documented_path_takes_exactly_the_documented_methods() {
    let document = document();
    let world = World::dev();
    for (path, item) in operations(&document) {
        let operation = item.values().next().expect("an operation");
        let target = filled(&document, path, operation);
        let reply = send(world.public(), "PATCH", &target, &[], "a body");
        assert_eq!(reply.status, 405, "{target}");
        let mut allowed: Vec<_> =
            reply.header("Allow").expect("a list").split(", ").map(str::to_ascii_lowercase).collect();
        allowed.sort();
        let mut methods: Vec<_> = item.keys().cloned().collect();
        methods.sort();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[test]
fn every_path_for_programs_is_documented() {
    let document = document();
    let documented: Vec<_> = operations(&document).map(|(path, _)| path.as_str()).collect();
    let routed = ["public.rs", "pixel.rs", "deletion.rs", "well_known.rs"];
    let routed: Vec<_> = routed.iter().flat_map(|file| texts(&source(file).tokens)).collect();
    let paths: Vec<_> =
        routed.iter().filter(|text| is_path(text) && !FOR_PEOPLE.contains(&&***text)).collect();
    assert!(paths.len() > 15, "{paths:?}");
    for path in paths {
        let is_there = documented.iter().any(|known| {
            known == path || (path.ends_with('/') && known.starts_with(&**path)) || known.ends_with(&**path)
        });
        assert!(is_there, "{path} is not in the document");
    }
    // The advertisers' API is routed by its segments.
    let tokens = source("api/mod.rs").tokens;
    let start = tokens.iter().position(|token| token.kind == Kind::Word("parse".to_owned())).expect("parse");
    let end = tokens[start..].iter().position(|token| token.kind == Kind::Word("fn".to_owned()));
    let segments: Vec<_> = texts(&tokens[start..start + end.expect("its end")]);
    let segments: Vec<_> = segments.iter().filter(|text| text.len() > 1).collect();
    assert!(segments.len() > 2, "{segments:?}");
    for segment in segments {
        let is_there = documented.iter().any(|path| path.split('/').any(|part| part == segment));
        assert!(is_there, "/{segment} is not in the document");
    }
}

#[expect(clippy::disallowed_methods, reason = "reads the project's own sources")]
fn source(file: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Source::parse(file, &text)
}

fn texts(tokens: &[crate::source::Token]) -> Vec<String> {
    let text = |token: &crate::source::Token| match &token.kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    };
    tokens.iter().filter_map(text).collect()
}

fn is_path(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    text.len() > 1 && text.starts_with('/') && text.bytes().all(is_part)
}

/// Pages, and what leads from one to the next.
const FOR_PEOPLE: &[&str] =
    &["/optout", "/optin", "/privacy", "/privacy/erase", "/pages.css", "/daa", "/daa/check"];

#[test]
fn documented_examples_get_documented_answers() {
    let document = document();
    let world = World::dev();
    let mut bodies = 0;
    for (path, item) in operations(&document) {
        for (method, operation) in item {
            let target = filled(&document, path, operation);
            let bearer = ("Authorization", "Bearer dev-bearer-token");
            let json = ("Content-Type", "application/json");
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            bodies += usize::from(example.is_object());
            let body = if example.is_null() { String::new() } else { example.to_string() };
            let reply = send(world.public(), &method.to_ascii_uppercase(), &target, &[bearer, json], &body);
            check_answer(&document, operation, &reply, &format!("{method} {target}"));
            assert!(example.is_null() || reply.status == 200, "{target}: {}", reply.text());
        }
    }
    assert_eq!(bodies, 2);
}

#[test]
fn documented_mistakes_get_documented_answers() {
    let document = document();
    let world = World::dev();
    let bearer = ("Authorization", "Bearer dev-bearer-token");
    for (method, path, target, headers, body, status) in [
        ("post", CONVERSIONS, "/12/measurement/conversions/o8z6j", &[bearer][..], "{}", 400),
        ("post", CONVERSIONS, "/12/measurement/conversions/o8z6j", &[], "{}", 401),
        ("post", CONVERSIONS, "/12/measurement/conversions/o9bbb", &[bearer], "{}", 404),
        ("get", "/{version}/accounts/{account_id}", "/12/accounts/1", &[bearer], "", 404),
        ("get", "/{version}/accounts", "/12/accounts", &[], "", 401),
        ("post", "/cookie_sync", "/cookie_sync", &[], "[]", 400),
        ("get", "/setuid", "/setuid?bidder=nobody&uid=1", &[], "", 400),
        ("get", "/getuid", "/getuid?partner=acme&r=nowhere", &[], "", 400),
        ("get", "/privacy/data.json", "/privacy/data.json", &[("Sec-Fetch-Dest", "empty")], "", 403),
        ("get", "/optout/receipt", "/optout/receipt?receipt=x", &[], "", 404),
    ] {
        let reply = send(world.public(), &method.to_ascii_uppercase(), target, headers, body);
        assert_eq!(reply.status, status, "{target}: {}", reply.text());
        check_answer(&document, &document["paths"][path][method], &reply, target);
    }
}

const CONVERSIONS: &str = "/{version}/measurement/conversions/{pixel_id}";

/// Status, content type and, of JSON, its shape are documented.
#[track_caller]
fn check_answer(document: &Value, operation: &Value, reply: &Reply, what: &str) {
    let documented = &operation["responses"][reply.status.to_string()];
    assert!(documented.is_object(), "{what}: {} is not documented", reply.status);
    let documented = resolved(document, documented);
    let Some(content) = documented["content"].as_object() else { return };
    let kind = reply.header("Content-Type").expect("a content type");
    let kind = kind.split(';').next().unwrap_or_default();
    let of = content.get(kind).unwrap_or_else(|| panic!("{what}: {kind} is not documented"));
    if kind.ends_with("json") {
        check_shape(document, &of["schema"], &reply.json(), what);
    }
}

/// As much of JSON Schema as tells whether the right fields are there. All of it is checked by schemathesis.
#[track_caller]
fn check_shape(document: &Value, schema: &Value, value: &Value, what: &str) {
    let schema = resolved(document, schema);
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("a name");
        assert!(value.get(name).is_some(), "{what}: no {name} in {value}");
    }
    if let Some(one_of) = schema["enum"].as_array() {
        assert!(one_of.contains(value), "{what}: {value} is none of {one_of:?}");
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check_shape(document, schema, value, &format!("{what} {name}"));
        }
    }
    if let Some(items) = schema.get("items") {
        for item in value.as_array().into_iter().flatten() {
            check_shape(document, items, item, what);
        }
    }
}
