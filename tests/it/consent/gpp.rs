//! Strings of the official GPP encoder, each with its decoded fields: every field of every section is the same.

use std::ops::RangeInclusive;

use pixelgate::consent::gpp::canada::{IdBits, TcfCanada, VendorSet};
use pixelgate::consent::gpp::us::UsSection;
use pixelgate::consent::gpp::{Gpp, TCF_CANADA, TCF_EU, US_PRIVACY, section_name};
use pixelgate::consent::us_privacy::UsPrivacy;
use serde_json::{Map, Value, json};

const ROWS: &str = include_str!("../../vectors/consent/gpp.jsonl");

#[test]
fn every_field_is_what_the_official_encoder_wrote() {
    let rows: Vec<Value> = ROWS.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows.len(), 400);
    let differences: Vec<_> = rows.iter().flat_map(differences).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let sections: usize = rows.iter().map(|row| row["ids"].as_array().expect("ids").len()).sum();
    let fields: usize = rows.iter().map(fields).sum();
    println!("{} rows, {sections} sections, {fields} fields, 0 differences", rows.len());
    assert!((sections, fields) > (1000, 10_000), "the vectors have lost sections");
}

/// Fields of sections that are decoded here.
fn fields(row: &Value) -> usize {
    let sections = row["sections"].as_object().expect("sections");
    let decoded = sections.iter().filter(|(name, _)| *name != "tcfeuv2");
    decoded.map(|(_, fields)| fields.as_object().expect("fields").len()).sum()
}

/// Every field of every section that is another one than `row` says.
pub(super) fn differences(row: &Value) -> Vec<String> {
    let text = row["s"].as_str().expect("a string");
    let gpp = match Gpp::parse(text) {
        Ok(gpp) => gpp,
        Err(error) => return vec![format!("{text}: {error}")],
    };
    let ids: Vec<u32> = gpp.sections().map(|(id, _)| id).collect();
    let mut names: Vec<_> = ids.iter().filter_map(|id| section_name(*id)).collect();
    // As the parsed JSON has them.
    names.sort_unstable();
    let expect = row["sections"].as_object().expect("sections");
    let mut differences = Vec::new();
    if json!(ids) != row["ids"] || names != expect.keys().collect::<Vec<_>>() {
        differences.push(format!("{text}: found {ids:?} {names:?}"));
    }
    let texts = text.split('~').skip(1);
    for ((id, section), expect_text) in gpp.sections().zip(texts) {
        let id = u8::try_from(id).expect("a known id");
        assert_eq!((section, gpp.section(id)), (expect_text, Some(expect_text)), "{text}");
        let name = section_name(id.into()).expect("a known id");
        let found = decoded(id, section);
        if id != TCF_EU && found != expected(&expect[name], section) {
            differences.push(format!("{text}: {name} is {found}, not {}", expect[name]));
        }
    }
    differences
}

/// The official decoder tells of a sub-section that isn't there as if it said no, or nobody.
fn expected(fields: &Value, text: &str) -> Value {
    let mut fields = fields.clone();
    if fields.get("Gpc").is_some() && !text.contains('.') {
        assert_eq!(fields["Gpc"], false, "{text}");
        fields.as_object_mut().expect("fields").retain(|name, _| !name.starts_with("Gpc"));
    }
    // Three bits of type 1.
    let disclosed =
        text.split('.').skip(1).any(|part| part.starts_with(|first| ('I'..='P').contains(&first)));
    if fields.get("DisclosedVendors").is_some() && !disclosed {
        assert_eq!(fields["DisclosedVendors"], "", "{text}");
        fields.as_object_mut().expect("fields").retain(|name, _| !name.starts_with("DisclosedVendors"));
    }
    fields
}

fn decoded(id: u8, text: &str) -> Value {
    let found = match id {
        TCF_EU => Ok(Value::Null),
        TCF_CANADA => TcfCanada::parse(text).map(|section| canada(&section)).map_err(|e| e.to_string()),
        US_PRIVACY => UsPrivacy::parse(text).map(us_privacy).map_err(|e| e.to_string()),
        _ => UsSection::parse(id, text).map(|section| us(&section)).map_err(|e| e.to_string()),
    };
    found.unwrap_or_else(Value::String)
}

/// Our names of fields are the encoder's, but that it has no arrays of one.
fn us(section: &UsSection) -> Value {
    let field = |values: &[u8], name: &str| match values {
        [value] if name == "Gpc" => json!(*value == 1),
        [value] => json!(value),
        values => json!(values),
    };
    let fields = section.fields().map(|(name, values)| (name.to_string(), field(values, &name.to_string())));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn us_privacy(string: UsPrivacy) -> Value {
    json!({
        "Version": 1,
        "Notice": string.notice.to_string(),
        "OptOutSale": string.opt_out_sale.to_string(),
        "LspaCovered": string.lspa_covered.to_string(),
    })
}

fn canada(section: &TcfCanada<'_>) -> Value {
    let ids = |bits: IdBits| bits.ids().collect::<Vec<_>>();
    let restrictions: Vec<_> =
        section.restrictions().map(|(purpose, kind, vendors)| json!([purpose, kind, set(vendors)])).collect();
    let mut fields = json!({
        "Version": 1,
        "Created": section.created_ds * 100,
        "LastUpdated": section.updated_ds * 100,
        "CmpId": section.cmp_id,
        "CmpVersion": section.cmp_version,
        "ConsentScreen": section.consent_screen,
        "ConsentLanguage": str::from_utf8(&section.consent_language).expect("letters"),
        "VendorListVersion": section.vendor_list_version,
        "TcfPolicyVersion": section.policy_version,
        "UseNonStandardStacks": section.use_non_standard_stacks,
        "SpecialFeatureExpressConsent": ids(section.special_features_express),
        "PurposesExpressConsent": ids(section.purposes_express),
        "PurposesImpliedConsent": ids(section.purposes_implied),
        "VendorExpressConsent": set(section.vendors_express),
        "VendorImpliedConsent": set(section.vendors_implied),
        "PubRestrictions": restrictions,
    });
    let more = fields.as_object_mut().expect("an object");
    if let Some(publisher) = section.publisher {
        more.insert("PubPurposesSegmentType".to_owned(), json!(3));
        more.insert("PubPurposesExpressConsent".to_owned(), json!(ids(publisher.express)));
        more.insert("PubPurposesImpliedConsent".to_owned(), json!(ids(publisher.implied)));
        more.insert("NumCustomPurposes".to_owned(), json!(publisher.custom_count));
        more.insert("CustomPurposesExpressConsent".to_owned(), json!(ids(publisher.custom_express)));
        more.insert("CustomPurposesImpliedConsent".to_owned(), json!(ids(publisher.custom_implied)));
    }
    if let Some(disclosed) = section.disclosed_vendors {
        more.insert("DisclosedVendorsSegmentType".to_owned(), json!(1));
        more.insert("DisclosedVendors".to_owned(), json!(set(disclosed)));
    }
    fields
}

/// `25,52,700-704`
fn set(vendors: VendorSet<'_>) -> String {
    let range = |range: RangeInclusive<u32>| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    vendors.ranges().map(range).collect::<Vec<_>>().join(",")
}
