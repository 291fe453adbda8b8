//! Partners that were registered by the admin API: the fields of a `[[partners]]` table, in JSON as they come in, and in a
//! TOML file of such tables as they are kept.
//!
//! There are no rules of its own here: both are read by what reads the configuration.

use serde_json::{Map, Value};

use super::json;
use super::mistake::Mistake;
use super::partners::{self, Partner, PartnerSource};
use super::walk::Document;
use super::{Mode, environment};
use crate::domain::id::PartnerId;

/// One partner, with its table as it is kept, which may hold its secret.
pub struct PartnerTable {
    pub partner: Partner,
    fields: Map<String, Value>,
}

impl PartnerTable {
    /// What the fields of a JSON object say of the partner `id`; `Err` holds every mistake.
    pub fn from_json(id: PartnerId, mut fields: Map<String, Value>, mode: Mode) -> Result<Self, Vec<String>> {
        let partner = json::read(&mut fields, ("id", id.number().into()), |root| {
            partners::partner(root, mode == Mode::Development)
        })?;
        Ok(Self::new(partner, fields))
    }

    fn new(partner: Partner, fields: Map<String, Value>) -> Self {
        Self { partner: Partner { source: PartnerSource::Api, ..partner }, fields }
    }
}

/// Reads what [`partners_toml`] wrote, and somebody may have changed since.
pub fn partner_tables(text: &str, mode: Mode) -> Result<Vec<PartnerTable>, Vec<Mistake>> {
    let read = |root: &super::Section<'_>| Some(partners::partners(root, mode == Mode::Development));
    let partners = Document::read(text, &environment, read)?;
    let file: Value = toml::from_str(text).map_err(|error| {
        let fix = "see https://toml.io".to_owned();
        vec![Mistake { line: 1, column: 1, key: String::new(), what: error.message().to_owned(), fix }]
    })?;
    let tables = file.get("partners").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = tables.into_iter().filter_map(|table| match table {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Ok(partners.into_iter().zip(fields).map(|(partner, fields)| PartnerTable::new(partner, fields)).collect())
}

/// The file that holds `tables`.
pub fn partners_toml<'t>(tables: impl Iterator<Item = &'t PartnerTable>) -> String {
    let tables = tables.map(|kept| format!("\n[[partners]]\n{}", json::table(&kept.fields)));
    format!("{HEAD}{}", tables.collect::<String>())
}

const HEAD: &str =
    "# Partners registered by PUT /admin/partners/{id}. The server replaces this file as a whole.\n";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(json: Value) -> Map<String, Value> {
        json.as_object().expect("an object").clone()
    }

    fn read(json: Value) -> Result<PartnerTable, Vec<String>> {
        PartnerTable::from_json(PartnerId::from_number(7), fields(json), Mode::Production)
    }

    #[track_caller]
    fn check(json: Value, expect: &[&str]) {
        let mistakes = read(json).err().expect("a mistake");
        assert_eq!(mistakes.len(), expect.len(), "{mistakes:?}");
        for (mistake, expect) in mistakes.iter().zip(expect) {
            assert!(mistake.starts_with(expect), "{mistake:?} does not start with {expect:?}");
        }
    }

    #[test]
    fn what_is_kept_is_read_as_it_came() {
        let secret = "ab".repeat(32);
        let json = json!({"name": "adhub", "vendor_id": 25, "unsigned": true, "secret": secret,
            "id_pattern": "[\\w\"\u{7f}]{2}\n?", "callbacks": [{"name": "ok", "url": "https://p.example/?u={browser_id}"}]});
        let kept = read(json.clone()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let again = partner_tables(&partners_toml([kept].iter()), Mode::Production).unwrap_or_default();
        let [again] = &again[..] else { panic!("one partner") };
        let mut expect = fields(json);
        expect.insert("id".to_owned(), 7.into());
        assert_eq!(again.fields, expect);
        assert_eq!((again.partner.source, again.partner.id.number()), (PartnerSource::Api, 7));
        assert_eq!(again.partner.id_pattern.as_ref().map(|it| it.is_match("a\u{7f}")), Some(true));
        assert!(
            partner_tables(&partners_toml([].iter()), Mode::Production).is_ok_and(|none| none.is_empty())
        );
    }

    #[test]
    fn every_mistake_is_told_as_for_a_table_of_the_file() {
        check(json!({}), &["name: missing; "]);
        check(
            json!({"id": 8, "name": "Ad", "image": "http://p.example/", "priority": 1.5, "nmae": 1, "iframe": null}),
            &[
                "iframe: null",
                "id: it is not",
                "image: this is no",
                "name: ",
                "nmae: unknown key; did",
                "priority: this is a f",
            ],
        );
        check(
            json!({"name": "a", "callbacks": [{"name": "ok"}, null]}),
            &["callbacks[2]: null", "callbacks[1].url: m"],
        );
        check(json!({"name": "a", "secret": "dev-short"}), &["secret: this is a development key"]);
        check(json!({"name": "a\"\nid = 8"}), &["name: "]);
        let pixel = "https://p.example/";
        check(
            json!({"name": "a", "pixels": [pixel, "x", pixel, pixel, pixel, pixel]}),
            &["pixels: 6 pixels; ", "pixels[2]: this"],
        );
        check(json!({"name": "a", "matches_burst": 5}), &["matches_burst: there is no matches_per_second"]);
        check(json!({"name": "a", "matches_per_second": 0}), &["matches_per_second: 0 is out of range"]);
        check(json!({"name": "a", "b\"] = 1\n": 1}), &["b\"] = 1\n: unknown key"]);
        check(
            json!({"name": "a", "vendor_id": 1u64 << 63}),
            &["vendor_id: 9223372036854775808 is out of range"],
        );
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_place() {
        for (text, expect) in [
            ("[[partners]]\nid = 7\n", "1:1: partners[1].name: missing"),
            (
                "[[partners]]\nid = 7\nname = \"a\"\n[[partners]]\nid = 7\nname = \"b\"\n",
                "5:6: partners[2].id: doubled",
            ),
            ("[[partner]]\n", "1:3: partner: unknown key"),
            ("[[partners\n", "1:11: not TOML"),
        ] {
            let mistakes = partner_tables(text, Mode::Production).err().expect(text);
            assert!(mistakes[0].to_string().starts_with(expect), "{text}: {}", mistakes[0]);
        }
    }
}
