//! Tables of the configuration in JSON, as they come in while the server runs, and in TOML, as they are kept.
//!
//! There are no rules of its own here: what reads the configuration reads these, too.

use serde_json::{Map, Value};

use super::environment;
use super::mistake::Mistake;
use super::walk::{Document, Section};

/// What `read` makes of the fields of a JSON object together with its `own` id, which stands elsewhere. `Err` holds every
/// mistake.
pub(super) fn read<T>(
    fields: &mut Map<String, Value>,
    own: (&'static str, Value),
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Result<T, Vec<String>> {
    let mut mistakes = Vec::new();
    drop_nulls(fields, "", &mut mistakes);
    let (key, id) = own;
    if fields.insert(key.to_owned(), id.clone()).is_some_and(|said| said != id) {
        mistakes.push(format!("{key}: it is not the one in the path; leave it out"));
    }
    let told = |mistake: &Mistake| format!("{}: {}; {}", mistake.key, mistake.what, mistake.fix);
    match Document::read(&table(fields), &environment, read) {
        Ok(value) if mistakes.is_empty() => Ok(value),
        Ok(_) => Err(mistakes),
        Err(more) => {
            mistakes.extend(more.iter().map(told));
            Err(mistakes)
        }
    }
}

/// `key = value`, a line each.
pub(super) fn table(fields: &Map<String, Value>) -> String {
    fields.iter().map(|(key, field)| format!("{} = {}\n", text(key), value(field))).collect()
}

fn value(json: &Value) -> String {
    match json {
        Value::String(string) => text(string),
        Value::Array(list) => format!("[{}]", list.iter().map(value).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, field)| format!("{} = {}", text(key), value(field)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::Null => json.to_string(),
    }
}

/// JSON's strings are TOML's, but for one character that TOML wants escaped (TOML 1.0, "String").
fn text(string: &str) -> String {
    Value::from(string).to_string().replace('\u{7f}', "\\u007F")
}

/// TOML has none.
fn drop_nulls(fields: &mut Map<String, Value>, path: &str, mistakes: &mut Vec<String>) {
    fields.retain(|key, value| keeps(value, &format!("{path}{key}"), mistakes));
}

fn keeps(value: &mut Value, path: &str, mistakes: &mut Vec<String>) -> bool {
    match value {
        Value::Null => mistakes.push(format!("{path}: null is no value here; leave it out")),
        Value::Object(fields) => drop_nulls(fields, &format!("{path}."), mistakes),
        Value::Array(list) => {
            let mut number = 0;
            list.retain_mut(|item| {
                number += 1;
                keeps(item, &format!("{path}[{number}]"), mistakes)
            });
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    !value.is_null()
}
