//! Which sections of a GPP string count, and what they come to.
//!
//! `gpp_sid` lists the sections that apply; without it all do. What is listed and cannot be read, or is not known,
//! denies. Neither order nor repetition in the list makes a difference.

use std::fmt;

use super::super::us_privacy::UsPrivacy;
use super::us::{SectionError, UsSection};
use super::us_rule::{UsReason, us_section_denies};
use super::{Gpp, GppError, SECTION_MAX, TCF_CANADA, TCF_EU, US_PRIVACY, is_known};

/// What `gpp` and `gpp_sid` of one request say together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applicable<'a> {
    /// Denies everything: something applies that cannot be read.
    pub fault: Option<GppFault>,
    /// Section 2 applies, which puts the request under the GDPR.
    pub tcf_applies: bool,
    /// Section 2, undecoded. Where it is there it must allow, whether or not it applies.
    pub tc_string: Option<&'a str>,
    /// The first section that carries Global Privacy Control, which denies everything.
    pub gpc: Option<u8>,
    /// The first section about a known child, which denies everything.
    pub known_child: Option<u8>,
    /// The first section of the United States that denies, and by which clause. Policy may let bare measuring pass.
    pub us_denial: Option<UsDenial>,
    /// A section of the United States applies and could be read, so that the law of the United States does.
    pub us_applies: bool,
    /// A section of the United States applies, even if it abstains or cannot be read. Beside one, a malformed
    /// `us_privacy` denies.
    pub us_listed: bool,
}

/// A section of the United States that denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsDenial {
    pub section: u8,
    pub reason: UsReason,
}

impl<'a> Applicable<'a> {
    /// `gpp_sid` and `gpp` where the request has them; a value that counts as absent is `None`.
    pub fn find(gpp_sid: Option<&str>, gpp: Option<Result<&Gpp<'a>, GppError>>) -> Self {
        let mut found = Self::default();
        let gpp = match gpp {
            Some(Ok(gpp)) => Some(gpp),
            Some(Err(error)) => {
                found.fault = Some(GppFault::NotGpp(error));
                None
            }
            None => None,
        };
        found.tc_string = gpp.and_then(|gpp| gpp.section(TCF_EU));
        let listed = match (gpp_sid.map(Listed::parse), gpp) {
            (Some(Some(listed)), _) => listed,
            (Some(None), _) => {
                found.note(GppFault::List);
                Listed::default()
            }
            (None, Some(gpp)) => Listed::all_of(gpp),
            (None, None) => Listed::default(),
        };
        found.tcf_applies = listed.has(TCF_EU);
        found.us_listed = listed.known().any(|id| id >= US_PRIVACY);
        for id in listed.known() {
            if let Err(error) = found.hear(id, gpp) {
                found.note(error);
            }
        }
        if let Some(id) = listed.unknown {
            found.note(GppFault::Unknown(id));
        }
        found
    }

    /// Takes note of one section that applies.
    fn hear(&mut self, id: u8, gpp: Option<&Gpp<'a>>) -> Result<(), GppFault> {
        let text = gpp.and_then(|gpp| gpp.section(id));
        match (id, text) {
            // Without any GPP string, `gdpr_consent` decides.
            (TCF_EU, _) if gpp.is_none() || text.is_some() => Ok(()),
            (TCF_CANADA, _) => Err(GppFault::NoRule(id)),
            (_, None) => Err(GppFault::Missing(id)),
            (US_PRIVACY, Some(text)) => {
                let string = UsPrivacy::parse(text).map_err(|error| GppFault::Section(id, error.into()))?;
                self.us_applies |= !string.abstains();
                // The same clause under an older name.
                self.deny(id, string.denies().then_some(UsReason::SaleOptedOut));
                Ok(())
            }
            (_, Some(text)) => {
                let section = UsSection::parse(id, text).map_err(|error| GppFault::Section(id, error))?;
                self.us_applies = true;
                self.gpc = self.gpc.or(section.gpc().then_some(id));
                self.known_child = self.known_child.or(section.known_child().then_some(id));
                self.deny(id, us_section_denies(&section));
                Ok(())
            }
        }
    }

    fn deny(&mut self, section: u8, reason: Option<UsReason>) {
        self.us_denial = self.us_denial.or(reason.map(|reason| UsDenial { section, reason }));
    }

    fn note(&mut self, fault: GppFault) {
        self.fault = self.fault.or(Some(fault));
    }

    /// Whether anything but section 2, which is not judged here, says no.
    pub const fn denies(&self) -> bool {
        self.fault.is_some() || self.us_denial.is_some()
    }
}

/// Whether a section that is in a GPP string counts: `gpp_sid` lists it, or there is no list.
pub fn section_applies(gpp_sid: Option<&str>, section: u32) -> bool {
    let listed =
        |list| Listed::parse(list).is_some_and(|listed| u8::try_from(section).is_ok_and(|id| listed.has(id)));
    gpp_sid.is_none_or(listed)
}

/// Why sections that apply count as a no, whatever they may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GppFault {
    NotGpp(GppError),
    /// `gpp_sid` is no list of numbers.
    List,
    /// Listed, and not in the string.
    Missing(u8),
    Section(u8, SectionError),
    /// Known, but nobody has said yet what it takes.
    NoRule(u8),
    Unknown(u32),
}

impl fmt::Display for GppFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGpp(error) => error.fmt(f),
            Self::List => f.write_str("`gpp_sid` is no list of section ids"),
            Self::Missing(id) => write!(f, "section {id} applies and is not in the GPP string"),
            Self::Section(id, error) => write!(f, "section {id} applies and cannot be read: {error}"),
            Self::NoRule(id) => write!(f, "section {id} applies, for which there is no rule yet"),
            Self::Unknown(id) => write!(f, "section {id} applies and is not known"),
        }
    }
}

/// The sections that apply.
#[derive(Default)]
struct Listed {
    /// One bit for each id that is known.
    known: u32,
    unknown: Option<u32>,
}

impl Listed {
    /// `7`, `7,8`, `-1`. The latter and `0` stand for no section. `None` if it is no list of numbers.
    fn parse(list: &str) -> Option<Self> {
        let mut listed = Self::default();
        for entry in list.split(',') {
            match entry.trim_ascii() {
                "-1" => {}
                // `parse` would take a sign.
                digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => match digits.parse().ok()? {
                    0 => {}
                    id => listed.add(id),
                },
                _ => return None,
            }
        }
        Some(listed)
    }

    fn all_of(gpp: &Gpp<'_>) -> Self {
        let mut listed = Self { known: 0, unknown: gpp.first_unknown() };
        let ids = (0..=SECTION_MAX as u8).filter(|id| gpp.section(*id).is_some());
        ids.for_each(|id| listed.add(id.into()));
        listed
    }

    fn add(&mut self, id: u32) {
        if is_known(id) {
            self.known |= 1 << id;
        } else {
            self.unknown = Some(self.unknown.map_or(id, |lowest| lowest.min(id)));
        }
    }

    const fn has(&self, id: u8) -> bool {
        (id as u32) <= SECTION_MAX && self.known & (1 << id) != 0
    }

    fn known(&self) -> impl Iterator<Item = u8> + use<'_> {
        (0..=SECTION_MAX as u8).filter(|id| self.has(*id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sections 2 and 7 (nothing denies), by themselves and together; 6 and others as named.
    const TCF: &str = "DBABMA~CPXX";
    const USNAT: &str = "DBABLA~BVQqAAAAAAA.QA";
    const TCF_AND_USNAT: &str = "DBACMM~CPXX~BVQqAAAAAAA.QA";
    const USCA_OPTED_OUT: &str = "DBABBg~BUUAAABA.YA";
    const CANADA_AND_USP: &str = "DBABjw~CPXX~1YNN";

    #[track_caller]
    fn find<'a>(gpp_sid: &str, gpp: &'a str) -> Applicable<'a> {
        let gpp = (!gpp.is_empty()).then(|| Gpp::parse(gpp));
        let gpp = gpp.as_ref().map(|gpp| gpp.as_ref().map_err(|error| *error));
        Applicable::find((!gpp_sid.is_empty()).then_some(gpp_sid), gpp)
    }

    #[track_caller]
    fn check_fault(gpp_sid: &str, gpp: &str, expect: Option<GppFault>) {
        assert_eq!(find(gpp_sid, gpp).fault, expect, "{gpp_sid:?} {gpp:?}");
    }

    #[test]
    fn without_a_list_every_section_applies() {
        let both = find("", TCF_AND_USNAT);
        assert_eq!((both.tcf_applies, both.tc_string, both.us_applies), (true, Some("CPXX"), true));
        assert_eq!((both.fault, both.denies()), (None, false));
        let none = find("", "DBAA");
        assert_eq!(none, Applicable::default());
        assert_eq!(find("", ""), Applicable::default());
        check_fault("", CANADA_AND_USP, Some(GppFault::NoRule(5)));
        check_fault("", "DBABYA~x", Some(GppFault::Unknown(1)));
    }

    #[test]
    fn sections_that_the_list_leaves_out_do_not_count() {
        let tcf = find("2", TCF_AND_USNAT);
        assert_eq!((tcf.tcf_applies, tcf.us_applies), (true, false));
        let us = find("7", TCF_AND_USNAT);
        assert_eq!((us.tcf_applies, us.tc_string, us.us_applies), (false, Some("CPXX"), true));
        check_fault("6", CANADA_AND_USP, None);
        assert!(find("6", CANADA_AND_USP).us_applies);
        for nowhere in ["-1", "0", "-1,0", " 0 "] {
            assert_eq!(find(nowhere, USCA_OPTED_OUT), Applicable::default(), "{nowhere}");
            assert_eq!(find(nowhere, ""), Applicable::default(), "{nowhere}");
        }
        assert!(find("-1,8", USCA_OPTED_OUT).denies(), "no section and one is one");
    }

    #[test]
    fn what_is_listed_must_be_there_and_known() {
        check_fault("8", USNAT, Some(GppFault::Missing(8)));
        check_fault("8", "", Some(GppFault::Missing(8)));
        check_fault("2", USNAT, Some(GppFault::Missing(2)));
        check_fault("2", "", None);
        assert!(find("2", "").tcf_applies, "`gdpr_consent` decides");
        check_fault("5", USNAT, Some(GppFault::NoRule(5)));
        for (list, id) in
            [("1", 1), ("3", 3), ("4", 4), ("7,28", 28), ("900,7,41", 41), ("4294967295", u32::MAX)]
        {
            check_fault(list, USNAT, Some(GppFault::Unknown(id)));
        }
    }

    #[test]
    fn a_list_that_is_none_denies() {
        for list in
            [",", "7,", "7;8", "7_8", "+7", "-7", "7.0", "[7]", "x", "４", "4294967296", "--1", "7 8", " "]
        {
            check_fault(list, USNAT, Some(GppFault::List));
            check_fault(list, "", Some(GppFault::List));
        }
        check_fault(" 7 ,\t7", USNAT, None);
    }

    #[test]
    fn a_string_that_cannot_be_parsed_denies_whatever_is_listed() {
        for list in ["", "-1", "0", "2", "7", "x"] {
            check_fault(list, "DBABLA", Some(GppFault::NotGpp(GppError::Count)));
        }
        check_fault("7", "DBABLA~BVQqAAAAA", Some(GppFault::Section(7, SectionError::Cut)));
        check_fault("7", "DBABLA~DVQqAAAAAAA", Some(GppFault::Section(7, SectionError::Version)));
    }

    #[test]
    fn the_examples_of_the_rules_come_to_what_they_say() {
        for (gpp, expect) in [
            ("DBABLA~BVQqAAAACgA.QA", Some(UsReason::PersonalData)),
            ("DBABLA~CEAQAAAAAABA.YA", Some(UsReason::GlobalPrivacyControl)),
            ("DBABLA~CEAQAAAAAABA", Some(UsReason::SaleOptedOut)),
            ("DBABEYA~BQRA.QA", Some(UsReason::SaleOptedOut)),
            ("DBACNYA~CPXX~1YNN", None),
        ] {
            let found = find("", gpp);
            assert_eq!((found.us_denial.map(|denial| denial.reason), found.fault), (expect, None), "{gpp}");
            assert!(found.us_applies, "{gpp}");
        }
    }

    #[test]
    fn the_reason_of_the_first_section_is_told() {
        let usca = find("8", USCA_OPTED_OUT);
        let reason = UsReason::GlobalPrivacyControl;
        assert_eq!((usca.us_denial, usca.gpc), (Some(UsDenial { section: 8, reason }), Some(8)));
        let opted_out = find("6", "DBABTA~1YYN");
        let reason = UsReason::SaleOptedOut;
        assert_eq!(opted_out.us_denial, Some(UsDenial { section: 6, reason }));
        let abstains = find("6", "DBABTA~1---");
        assert_eq!((abstains.denies(), abstains.us_applies, abstains.us_listed), (false, false, true));
        assert!(find("7", "").us_listed && !find("2,5,900", "").us_listed);
        assert!(matches!(
            find("6", "DBABTA~1YN").fault,
            Some(GppFault::Section(6, SectionError::UsPrivacy(_)))
        ));
    }

    proptest! {
        #[test]
        fn order_and_repetition_make_no_difference(mut ids in prop::collection::vec(-1_i32..31, 1..6), gpp in 0_usize..5) {
            let gpp = [TCF, USNAT, TCF_AND_USNAT, USCA_OPTED_OUT, CANADA_AND_USP][gpp];
            let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
            let before = list(&ids);
            ids.reverse();
            ids.extend_from_within(..1);
            prop_assert_eq!(find(&before, gpp), find(&list(&ids), gpp));
        }

        #[test]
        fn one_more_in_the_list_allows_nothing(ids in prop::collection::vec(-1_i32..31, 1..6), gpp in 0_usize..5) {
            let gpp = [TCF, USNAT, TCF_AND_USNAT, USCA_OPTED_OUT, CANADA_AND_USP][gpp];
            let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
            prop_assert!(find(&list(&ids), gpp).denies() || !find(&list(&ids[1..]), gpp).denies() || ids.len() == 1);
        }

        #[test]
        fn no_text_makes_it_panic(list in "(.*|[0-9, -]{0,20})", gpp in "(.*|DBA[A-Za-z0-9_~.-]{0,40})") {
            let _ = find(&list, &gpp);
        }
    }
}
