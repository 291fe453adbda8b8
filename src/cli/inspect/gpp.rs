//! `pixelgate inspect gpp`: every field of a GPP string, and by which clause it denies.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{CliError, Fields, Io, Verdict, fields_as_json, us_privacy, write_fields};
use crate::consent::gpp::applicable::{Applicable, UsDenial};
use crate::consent::gpp::canada::{IdBits, TcfCanada, VendorSet};
use crate::consent::gpp::us::UsSection;
use crate::consent::gpp::us_rule::UsReason;
use crate::consent::gpp::{Gpp, TCF_CANADA, TCF_EU, US_PRIVACY, section_name};
use crate::consent::us_privacy::UsPrivacy;
use crate::domain::time::Timestamp;

/// Show every field of a GPP string, and by which clause it denies. Ends with 1 if it does. A TC string in section 2
/// is shown undecoded and does not count.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect gpp --gpp-sid 8 'DBABBg~BUUAAABA.YA'")]
pub(super) struct Args {
    /// The value of `gpp`.
    string: String,
    /// The value of `gpp_sid`: which sections apply. Without it all of them do.
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    gpp_sid: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let gpp = Gpp::parse(&args.string);
    let found = Applicable::find(args.gpp_sid.as_deref(), Some(gpp.as_ref().map_err(|error| *error)));
    let verdict = match &gpp {
        Ok(_) => judge(&found),
        Err(error) => Verdict::malformed(error),
    };
    let sections: Vec<_> =
        gpp.iter().flat_map(Gpp::sections).map(|(id, text)| Section::read(id, text)).collect();
    if args.json {
        let sections: Value = sections.into_iter().map(Section::into_json).collect();
        writeln!(io.out, "{}", verdict.as_json(json!({"sections": sections})))?;
    } else {
        verdict.write(io)?;
        sections.iter().try_for_each(|section| section.write(io))?;
    }
    verdict.into_result()
}

fn judge(found: &Applicable<'_>) -> Verdict {
    match (found.fault, found.us_denial) {
        (Some(fault), _) => Verdict::denies(fault),
        (None, Some(UsDenial { section, reason })) => {
            Verdict::denies(format!("section {section}: {reason} ({})", reason.code()))
        }
        (None, None) => Verdict::of("does not deny"),
    }
}

/// One section, as far as it can be read.
struct Section<'a> {
    id: u32,
    text: &'a str,
    fields: Result<Fields, String>,
    /// Every clause that holds.
    denies: Vec<UsReason>,
}

impl<'a> Section<'a> {
    fn read(id: u32, text: &'a str) -> Self {
        let mut denies = Vec::new();
        let fields = match u8::try_from(id).unwrap_or(u8::MAX) {
            TCF_EU => Ok(Fields::new()),
            TCF_CANADA => TcfCanada::parse(text).map(|section| canada(&section)),
            US_PRIVACY => UsPrivacy::parse(text).map_err(Into::into).map(|string| {
                denies.extend(string.denies().then_some(UsReason::SaleOptedOut));
                us_privacy::fields(string)
            }),
            id => UsSection::parse(id, text).map(|section| {
                denies.extend(UsReason::ALL.iter().filter(|reason| reason.holds(&section)));
                section.fields().map(|(field, values)| (field.to_string(), one_or_many(values))).collect()
            }),
        };
        Self { id, text, fields: fields.map_err(|error| error.to_string()), denies }
    }

    fn name(&self) -> &'static str {
        section_name(self.id).unwrap_or("unknown")
    }

    fn write(&self, io: &mut Io<'_>) -> Result<(), CliError> {
        writeln!(io.out, "\n{} {}: {}", self.id, self.name(), self.text)?;
        match &self.fields {
            Ok(fields) => write_fields(fields, "  ", io)?,
            Err(error) => writeln!(io.out, "  cannot be read: {error}")?,
        }
        for reason in &self.denies {
            writeln!(io.out, "  denies: {reason} ({})", reason.code())?;
        }
        Ok(())
    }

    fn into_json(self) -> Value {
        let denies: Vec<_> = self.denies.iter().map(|reason| reason.code()).collect();
        let (fields, error) = match self.fields {
            Ok(fields) => (fields_as_json(fields), None),
            Err(ref error) => (Value::Null, Some(error)),
        };
        json!({
            "id": self.id,
            "name": section_name(self.id),
            "text": self.text,
            "fields": fields,
            "error": error,
            "denies": denies,
        })
    }
}

fn one_or_many(values: &[u8]) -> Value {
    match values {
        [value] => json!(value),
        values => json!(values),
    }
}

fn canada(section: &TcfCanada<'_>) -> Fields {
    let ids = |bits: IdBits| json!(bits.ids().collect::<Vec<_>>());
    let time = |ds: u64| json!(Timestamp(ds * 100).to_string());
    let restriction = |(purpose, kind, vendors)| format!("{purpose}:{kind}:{}", set(vendors));
    let language: String = section.consent_language.map(char::from).iter().collect();
    let mut fields = vec![
        ("Version", json!(1)),
        ("Created", time(section.created_ds)),
        ("LastUpdated", time(section.updated_ds)),
        ("CmpId", json!(section.cmp_id)),
        ("CmpVersion", json!(section.cmp_version)),
        ("ConsentScreen", json!(section.consent_screen)),
        ("ConsentLanguage", json!(language)),
        ("VendorListVersion", json!(section.vendor_list_version)),
        ("TcfPolicyVersion", json!(section.policy_version)),
        ("UseNonStandardStacks", json!(section.use_non_standard_stacks)),
        ("SpecialFeatureExpressConsent", ids(section.special_features_express)),
        ("PurposesExpressConsent", ids(section.purposes_express)),
        ("PurposesImpliedConsent", ids(section.purposes_implied)),
        ("VendorExpressConsent", json!(set(section.vendors_express))),
        ("VendorImpliedConsent", json!(set(section.vendors_implied))),
        ("PubRestrictions", section.restrictions().map(restriction).collect()),
    ];
    if let Some(publisher) = section.publisher {
        fields.extend([
            ("PubPurposesExpressConsent", ids(publisher.express)),
            ("PubPurposesImpliedConsent", ids(publisher.implied)),
            ("NumCustomPurposes", json!(publisher.custom_count)),
            ("CustomPurposesExpressConsent", ids(publisher.custom_express)),
            ("CustomPurposesImpliedConsent", ids(publisher.custom_implied)),
        ]);
    }
    fields.extend(section.disclosed_vendors.map(|vendors| ("DisclosedVendors", json!(set(vendors)))));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `25,52,700-704`
fn set(vendors: VendorSet<'_>) -> String {
    let range = |range: RangeInclusive<u32>| match range.into_inner() {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    vendors.ranges().map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;

    #[track_caller]
    fn check(arguments: &[&str], expect: &str, code: u8) {
        let line = [&["inspect", "gpp"], arguments].concat();
        assert_eq!(command(&line, ""), (expect.to_owned(), code), "{arguments:?}");
    }

    #[test]
    fn every_field_is_named_and_every_clause_told() {
        let expect = "\
denies: section 8: Global Privacy Control is on (gpc)

8 usca: BUUAAABA.YA
  Version                          1
  SaleOptOutNotice                 1
  SharingOptOutNotice              1
  SensitiveDataLimitUseNotice      0
  SaleOptOut                       1
  SharingOptOut                    1
  SensitiveDataProcessing          0 0 0 0 0 0 0 0 0
  KnownChildSensitiveDataConsents  0 0
  PersonalDataConsents             0
  MspaCoveredTransaction           1
  MspaOptOutOptionMode             0
  MspaServiceProviderMode          0
  GpcSegmentType                   1
  Gpc                              1
  denies: Global Privacy Control is on (gpc)
  denies: the person opted out of the sale of their data (sale-opt-out)
  denies: the person opted out of sharing (sharing-opt-out)
";
        check(&["DBABBg~BUUAAABA.YA"], expect, 1);
    }

    #[test]
    fn what_does_not_apply_is_shown_and_does_not_count() {
        let sections = "\n2 tcfeuv2: CPXX\n\n6 uspv1: 1YYN\n  Version      1\n  Notice       Y\n  OptOutSale   Y\n  \
                        LspaCovered  N\n  denies: the person opted out of the sale of their data (sale-opt-out)\n";
        check(&["--gpp-sid", "2", "DBACNY~CPXX~1YYN"], &format!("does not deny\n{sections}"), 0);
        check(&["--gpp-sid", "-1", "DBACNY~CPXX~1YYN"], &format!("does not deny\n{sections}"), 0);
        let missing = "denies: section 7 applies and is not in the GPP string\n";
        check(&["--gpp-sid", "7", "DBACNY~CPXX~1YYN"], &format!("{missing}{sections}"), 1);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        check(&["CPXX"], "malformed: not a GPP string: its header is not of type 3\n", 1);
        let cut = "denies: section 7 applies and cannot be read: cut off\n\n7 usnat: BVQ\n  cannot be read: cut off\n";
        check(&["DBABLA~BVQ"], cut, 1);
        let unknown = "denies: section 1 applies and is not known\n\n1 unknown: x\n  \
                       cannot be read: a section that is not known\n";
        check(&["DBABYA~x"], unknown, 1);
    }

    #[test]
    fn canadian_strings_are_shown() {
        let core =
            "BQOuRYAQOuRYAAyAAAENAACAAAAAAAAAAB9BAEV3cRF5FSMABWQAgkABRwwH0IAWARmgpMA.cAAAIAAAAdQ.IH0QAo2kAMA";
        let (out, code) = command(&["inspect", "gpp", &format!("DBABDA~{core}")], "");
        assert_eq!(code, 1, "there is no rule for them yet");
        for line in [
            "denies: section 5 applies, for which there is no rule yet\n",
            "  Created                       2025-03-23T00:00:00.000Z\n",
            "  ConsentLanguage               EN\n",
            "  VendorExpressConsent          12,14-18,900-901,4000\n",
            "  PubRestrictions               2:1:3-5 3:0:700-703,2000\n",
            "  CustomPurposesExpressConsent  1 3\n",
            "  DisclosedVendors              5-7,1000\n",
        ] {
            assert!(out.contains(line), "{line:?} in {out}");
        }
    }

    #[test]
    fn programs_get_json() {
        let (out, code) = command(&["inspect", "gpp", "--json", "DBABYA~x"], "");
        let section = r#"{"denies":[],"error":"a section that is not known","fields":null,"id":1,"name":null,"text":"x"}"#;
        let reason = r#""reason":"section 1 applies and is not known","sections""#;
        assert_eq!(out, format!("{{{reason}:[{section}],\"verdict\":\"denies\"}}\n"));
        assert_eq!(code, 1);
        let (out, _) = command(&["inspect", "gpp", "--json", "DBABTA~1YYN"], "");
        assert!(out.contains(r#""denies":["sale-opt-out"]"#) && out.contains(r#""OptOutSale":"Y""#), "{out}");
    }
}
