//! `pixelgate inspect tcstring`: what is in a TC string, and whether it may be relied on.

use serde_json::{Value, json};

use super::{CliError, Io};
use crate::consent::tcf::purpose::IdSet;
use crate::consent::tcf::validity::Invalid;
use crate::consent::tcf::vendors::VendorRange;
use crate::consent::tcf::{PublisherTc, TcString};

/// Show what is in a TC string, and whether it may be relied on. Ends with 1 if it may not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect tcstring \
                        CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA")]
pub(super) struct Args {
    /// The string, as in `gdpr_consent`.
    string: String,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let tc = match TcString::parse(args.string.trim()) {
        Ok(tc) => tc,
        Err(error) => {
            let json = json!({"verdict": "malformed", "reasons": [error.to_string()]});
            let shown = if args.json { json.to_string() } else { "malformed".to_owned() };
            writeln!(io.out, "{shown}")?;
            return Err(CliError::Negative(format!("this is no TC string: {error}")));
        }
    };
    let reasons: Vec<Invalid> = tc.invalidities().collect();
    let verdict = if reasons.is_empty() { "valid" } else { "invalid" };
    let fields = fields(&tc);
    if args.json {
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
        let fields = Value::Object(fields.iter().map(Field::as_json).collect());
        writeln!(io.out, "{}", json!({"verdict": verdict, "reasons": reasons, "fields": fields}))?;
    } else {
        writeln!(io.out, "{verdict}")?;
        for field in &fields {
            writeln!(io.out, "{:<28} {}", field.name, field.value.as_text())?;
        }
    }
    match reasons.first() {
        None => Ok(()),
        Some(_) => {
            let reasons: Vec<_> = reasons.iter().map(Invalid::to_string).collect();
            Err(CliError::Negative(format!("the string counts for nothing: {}", reasons.join("; "))))
        }
    }
}

struct Field {
    name: &'static str,
    value: Shown,
}

enum Shown {
    Number(u16),
    Flag(bool),
    Text(String),
    Ids(IdSet),
    Vendors(Vec<VendorRange>),
    /// Purpose, type, vendors.
    Restrictions(Vec<(u8, u8, Vec<VendorRange>)>),
    /// There is no such segment.
    Missing,
}

/// Every field, in the order in which the string has them.
fn fields(tc: &TcString<'_>) -> Vec<Field> {
    let field = |name, value| Field { name, value };
    let segment = |set: Option<_>| set.map_or(Shown::Missing, Shown::Vendors);
    let restrictions = tc.publisher_restrictions().iter();
    let restrictions = restrictions.map(|one| (one.purpose, one.kind, one.ranges().collect())).collect();
    let mut fields = vec![
        field("version", Shown::Number(tc.version().into())),
        field("created", Shown::Text(tc.created().to_string())),
        field("last updated", Shown::Text(tc.updated().to_string())),
        field("CMP", Shown::Number(tc.cmp_id())),
        field("CMP version", Shown::Number(tc.cmp_version())),
        field("consent screen", Shown::Number(tc.consent_screen().into())),
        field("consent language", Shown::Text(tc.language().to_string())),
        field("vendor list version", Shown::Number(tc.vendor_list_version())),
        field("policy version", Shown::Number(tc.policy_version().into())),
        field("service-specific", Shown::Flag(tc.is_service_specific())),
        field("non-standard texts", Shown::Flag(tc.uses_non_standard_texts())),
        field("special features", Shown::Ids(tc.special_features())),
        field("purpose consents", Shown::Ids(tc.purpose_consents())),
        field("purpose interests", Shown::Ids(tc.purpose_legitimate_interests())),
        field("purpose one treatment", Shown::Flag(tc.purpose_one_treatment())),
        field("publisher country", Shown::Text(tc.publisher_country().to_string())),
        field("vendor consents", Shown::Vendors(tc.vendor_consents().ranges().collect())),
        field("vendor interests", Shown::Vendors(tc.vendor_legitimate_interests().ranges().collect())),
        field("publisher restrictions", Shown::Restrictions(restrictions)),
        field("disclosed vendors", segment(tc.disclosed_vendors().map(|set| set.ranges().collect()))),
        field("allowed vendors", segment(tc.allowed_vendors().map(|set| set.ranges().collect()))),
    ];
    fields.extend(publisher_fields(tc.publisher_tc()));
    fields
}

fn publisher_fields<'a>(publisher: Option<PublisherTc<'a>>) -> [Field; 5] {
    let field = |name, ids: fn(PublisherTc<'a>) -> IdSet| Field {
        name,
        value: publisher.map_or(Shown::Missing, |publisher| Shown::Ids(ids(publisher))),
    };
    let custom = publisher.map(|publisher| Shown::Number(publisher.custom_purposes().into()));
    [
        field("publisher consents", PublisherTc::purpose_consents),
        field("publisher interests", PublisherTc::purpose_legitimate_interests),
        Field { name: "publisher custom purposes", value: custom.unwrap_or(Shown::Missing) },
        field("publisher custom consents", PublisherTc::custom_consents),
        field("publisher custom interests", PublisherTc::custom_legitimate_interests),
    ]
}

impl Field {
    fn as_json(&self) -> (String, Value) {
        (self.name.to_lowercase().replace([' ', '-'], "_"), self.value.as_json())
    }
}

impl Shown {
    fn as_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Text(text) => text.clone(),
            Self::Ids(ids) => ids.to_string(),
            Self::Vendors(ranges) => listed(ranges),
            Self::Restrictions(all) if all.is_empty() => "none".to_owned(),
            Self::Restrictions(all) => {
                let one = |(purpose, kind, vendors): &(u8, u8, Vec<_>)| {
                    format!("purpose {purpose} {} for {}", restriction(*kind), listed(vendors))
                };
                all.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            Self::Missing => "-".to_owned(),
        }
    }

    fn as_json(&self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(flag),
            Self::Text(text) => json!(text),
            Self::Ids(ids) => json!(ids.iter().collect::<Vec<_>>()),
            Self::Vendors(ranges) => json!(ranges.iter().map(VendorRange::to_string).collect::<Vec<_>>()),
            Self::Restrictions(all) => {
                let one = |(purpose, kind, vendors): &(u8, u8, Vec<VendorRange>)| {
                    let vendors: Vec<_> = vendors.iter().map(VendorRange::to_string).collect();
                    json!({"purpose": purpose, "type": kind, "vendors": vendors})
                };
                json!(all.iter().map(one).collect::<Vec<_>>())
            }
            Self::Missing => Value::Null,
        }
    }
}

fn listed(ranges: &[VendorRange]) -> String {
    if ranges.is_empty() {
        return "none".to_owned();
    }
    ranges.iter().map(VendorRange::to_string).collect::<Vec<_>>().join(", ")
}

const fn restriction(kind: u8) -> &'static str {
    match kind {
        0 => "not allowed",
        1 => "with consent only",
        2 => "with legitimate interest only",
        _ => "restricted in an undefined way",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;

    const PUBLISHED: &str = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA";

    /// With a restriction, disclosed vendors and a publisher's own purposes.
    const FULL: &str = "CQr7C8AQr7C8A9BA3lESD7FsAP_gAEKgAAYhOHwGQAaABxAH2AQEApQBhgDJAGVAVcAxQB7AD7AIHAR0AkGBKsCjIFKg\
        KrgWHAuyBfcFswcfxOHk4fATAAyADQANQAkAB8gEbALCAcQA94B9AGaANYgbgBuID_AIKASuAniBa8Th4AIMACAvMAAA.b7QAAAAAAkgA.\
        JOHwEQAMgA0AHQAPwA2YC8wGHgNUAawA-kCCwEsgJegUlAu2BgMTh4AA";

    #[test]
    fn every_field_is_shown() {
        let (text, code) = command(&["inspect", "tcstring", FULL], "");
        for line in [
            "valid",
            "created                      2026-10-11T00:00:00.000Z",
            "CMP                          3905",
            "service-specific             yes",
            "special features             1, 2",
            "publisher restrictions       purpose 1 with legitimate interest only for 755",
            "allowed vendors              -",
            "publisher custom purposes    4",
            "publisher custom consents    1, 4",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line:?} in {text}");
        }
        assert_eq!((text.lines().count(), code), (27, 0));
    }

    #[test]
    fn json_has_every_field_too() {
        let (text, code) = command(&["inspect", "tcstring", "--json", FULL], "");
        let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
        let fields = &shown["fields"];
        assert_eq!(
            (&shown["verdict"], &shown["reasons"], code),
            (&"valid".into(), &serde_json::json!([]), 0)
        );
        assert_eq!(fields.as_object().map(serde_json::Map::len), Some(26));
        let restrictions = serde_json::json!([{"purpose": 1, "type": 2, "vendors": ["755"]}]);
        assert_eq!(fields["publisher_restrictions"], restrictions);
        assert_eq!(fields["allowed_vendors"], serde_json::Value::Null);
        assert_eq!(fields["publisher_custom_consents"], serde_json::json!([1, 4]));
    }

    #[test]
    fn what_may_not_be_relied_on_ends_with_1() {
        let (text, code) = command(&["inspect", "tcstring", PUBLISHED], "");
        assert!(text.starts_with("invalid\nversion ") && code == 1, "{text}");
        let (json, code) = command(&["inspect", "tcstring", "--json", PUBLISHED], "");
        assert!(json.contains("\"reasons\":[\"outdated-policy\"]") && code == 1, "{json}");
    }

    #[test]
    fn what_is_no_tc_string_is_malformed() {
        for string in ["", "x", "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", &PUBLISHED[..30]] {
            assert_eq!(
                command(&["inspect", "tcstring", string], ""),
                ("malformed\n".into(), 1),
                "{string:?}"
            );
        }
    }
}
