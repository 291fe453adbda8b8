//! What became of the hits, ready to be shown.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One hit as the admin listener's `/dev/all` tells it.
#[derive(Debug, Deserialize)]
struct Line {
    at: String,
    #[serde(default)]
    path: Option<String>,
    outcome: String,
    text: String,
    event: Option<Event>,
}

/// The exported row.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Event(Map<String, Value>);

impl Event {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// `59.00 EUR`; the row holds millionths.
    fn money(&self) -> Option<String> {
        let micros = self.0.get("value_micros")?.as_u64()?;
        let (whole, cents) = (micros / 1_000_000, micros % 1_000_000 / 10_000);
        Some(format!("{whole}.{cents:02} {}", self.text("currency")))
    }

    /// Name and value of each field that says something, those of inner objects with a dotted name.
    fn fields(&self) -> Vec<(String, String)> {
        let mut fields: Vec<_> = self.0.iter().flat_map(|(name, value)| flatten(name, value)).collect();
        let rank = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
        fields.sort_by_key(|(name, _)| rank(name));
        fields
    }
}

/// What a reader looks for first. The rest follows in the order of its names.
const FIRST: [&str; 12] = [
    "kind",
    "id",
    "at",
    "event",
    "account_id",
    "pixel_id",
    "event_tag_id",
    "value_micros",
    "currency",
    "quantity",
    "page",
    "browser_id",
];

fn flatten(name: &str, value: &Value) -> Vec<(String, String)> {
    let text = match value {
        Value::Null => return Vec::new(),
        Value::Object(inner) => {
            let inner = inner.iter().flat_map(|(inner, value)| flatten(&format!("{name}.{inner}"), value));
            return inner.collect();
        }
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect();
            items.join(", ")
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    vec![(name.to_owned(), text)]
}

/// One hit on the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `stored`, `duplicate` or `refused`.
    pub(super) kind: &'static str,
    pub(super) badge: &'static str,
    pub(super) title: String,
    /// Hours, minutes, seconds in UTC.
    pub(super) time: String,
    pub(super) text: String,
    pub(super) outcome: String,
    /// Tells the row from others while the page is refreshed.
    pub(super) key: String,
    /// Empty where nothing was stored.
    pub(super) fields: Vec<(String, String)>,
}

/// The rows of `/dev/all`, newest first.
pub(super) fn from_json(json: &[u8]) -> Result<Vec<Row>, serde_json::Error> {
    let lines: Vec<Line> = serde_json::from_slice(json)?;
    Ok(lines.into_iter().rev().map(Row::from).collect())
}

impl From<Line> for Row {
    fn from(line: Line) -> Self {
        let word = line.outcome.split(';').next().unwrap_or_default();
        let (kind, badge) = match word {
            "stored" => ("stored", "stored"),
            "duplicate" => ("duplicate", "duplicate"),
            _ => ("refused", "not stored"),
        };
        let title = match &line.event {
            Some(event) => title(event),
            None => format!("Hit on {}", line.path.as_deref().unwrap_or("the pixel")),
        };
        let key = line.event.as_ref().map_or(&*line.at, |event| event.text("id")).to_owned();
        Self {
            kind,
            badge,
            title,
            time: line.at.get(11..19).unwrap_or_default().to_owned(),
            text: sentence(&line.text),
            outcome: line.outcome,
            key,
            fields: line.event.map(|event| event.fields()).unwrap_or_default(),
        }
    }
}

fn title(event: &Event) -> String {
    if event.text("kind") == "touch" {
        return format!("Ad {} of the link {}", event.text("touch"), event.text("link"));
    }
    let name = event.text("event").replace('_', " ").to_lowercase();
    let money = event.money().map(|money| format!(", {money}")).unwrap_or_default();
    let mut title = format!("{name}{money} at pixel {}", event.text("pixel_id"));
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// The server's messages start lower-case and have no full stop, so that they fit into others.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    format!("{}{}.", first.to_uppercase(), characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"[
        {"at":"2026-11-22T03:04:05.678Z","path":"/i/adsct","outcome":"suppressed; reason=gpc","reason":"gpc",
         "text":"Global Privacy Control is on","event":null},
        {"at":"2026-11-22T03:04:06.000Z","path":"/i/adsct","outcome":"stored; id=018b; ack=disk","reason":null,
         "text":"stored, acknowledged at class disk","event":{"kind":"conversion","id":"018b","pixel_id":"o8z6j",
         "event":"ADD_TO_CART","value_micros":59000000,"currency":"EUR","browser_id":null,
         "match_keys":["click_id","browser_id"],"evidence":{"regime":"none"}}}
    ]"#;

    #[test]
    fn rows_come_newest_first_and_say_what_was_stored_and_what_not() {
        let rows = from_json(ALL.as_bytes()).expect("rows");
        assert_eq!(rows[0].title, "Add to cart, 59.00 EUR at pixel o8z6j");
        assert_eq!((rows[0].kind, &*rows[0].time, &*rows[0].key), ("stored", "03:04:06", "018b"));
        let fields: Vec<_> = rows[0].fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expect = "kind=conversion id=018b event=ADD_TO_CART pixel_id=o8z6j value_micros=59000000 currency=EUR \
                      evidence.regime=none match_keys=click_id, browser_id";
        assert_eq!(fields.join(" "), expect);
        let touch = ALL
            .replace("\"conversion\"", "\"touch\"")
            .replace("\"event\":\"ADD_TO_CART\"", "\"touch\":\"view\",\"link\":\"spring\"");
        assert_eq!(from_json(touch.as_bytes()).expect("rows")[0].title, "Ad view of the link spring");
        assert_eq!((rows[1].kind, rows[1].badge), ("refused", "not stored"));
        assert_eq!(rows[1].text, "Global Privacy Control is on.");
        assert_eq!(rows[1].fields, []);
    }

    #[test]
    fn what_is_no_list_of_hits_is_an_error() {
        assert!(from_json(b"{}").is_err());
        assert_eq!(from_json(b"[]").expect("nothing yet"), []);
    }
}
