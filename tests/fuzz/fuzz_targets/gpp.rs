//! GPP strings with their list of sections, US Privacy strings and AdChoices signals: no panic, no value without a
//! meaning, and the laws of the rule hold.
//!
//! The first line is the list of sections, the second a GPP string; everything is also taken as a US Privacy string,
//! as an AdChoices signal and as the text of each section.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::consent::adchoices::AdChoices;
use pixelgate::consent::gpp::applicable::Applicable;
use pixelgate::consent::gpp::canada::TcfCanada;
use pixelgate::consent::gpp::us::UsSection;
use pixelgate::consent::gpp::us_rule::us_section_denies;
use pixelgate::consent::gpp::{Field, Gpp};
use pixelgate::consent::us_privacy::UsPrivacy;

fuzz_target!(|text: &str| {
    let (list, string) = text.split_once('\n').unwrap_or(("", text));
    check_gpp(list, string);
    for id in 0..=28 {
        check_section(id, string);
    }
    check_canada(string);
    if let Ok(privacy) = UsPrivacy::parse(string) {
        assert_eq!(privacy.denies(), string[2..3].eq_ignore_ascii_case("y"));
    }
    if let Ok(signal) = AdChoices::parse(string) {
        let (participants, categories) = (signal.participants().count(), signal.categories().count());
        assert!((participants + categories) * 16 < string.len() * 6, "more choices than bits");
        assert!(signal.denies(Some(1)) || !signal.denies(None), "a limit for everybody is one for us");
    }
});

fn check_gpp(list: &str, string: &str) {
    let gpp = Gpp::parse(string);
    if let Ok(gpp) = &gpp {
        let mut last = 0;
        for (id, text) in gpp.sections() {
            assert!(id > last && !text.contains('~'), "section {id} after {last}");
            last = id;
            let known = u8::try_from(id).ok().and_then(|id| gpp.section(id));
            assert!(known.is_none_or(|known| known == text), "section {id} is another one");
        }
        assert_eq!(gpp.sections().count(), string.matches('~').count(), "a section is lost");
    }
    let find = |list| Applicable::find(list, Some(gpp.as_ref().map_err(|error| *error)));
    let backwards = list.rsplit(',').chain(list.split(',')).collect::<Vec<_>>().join(",");
    let found = find(Some(list));
    assert_eq!(found, find(Some(&backwards)), "order or repetition counts");
    let fewer = list.split_once(',').map(|(_, fewer)| find(Some(fewer)));
    assert!(fewer.is_none_or(|fewer| found.denies() || !fewer.denies()), "one more in the list allows more");
    assert!(gpp.is_ok() || (found.denies() && find(None).denies()), "what cannot be parsed does not deny");
}

fn check_section(id: u8, text: &str) {
    let Ok(section) = UsSection::parse(id, text) else { return };
    assert_eq!(section.id(), id);
    for (field, values) in section.fields() {
        let version = matches!(field, Field::Version | Field::MspaVersion);
        assert!(version || values.iter().all(|value| *value <= 2), "{field} of section {id}");
    }
    let denies = us_section_denies(&section).is_some();
    assert!(denies || !(section.gpc() || section.known_child()), "a refusal that does not deny");
}

fn check_canada(text: &str) {
    let Ok(section) = TcfCanada::parse(text) else { return };
    let ranges = section.vendors_express.ranges().count() + section.vendors_implied.ranges().count();
    let restrictions: usize = section.restrictions().map(|(_, _, vendors)| vendors.ranges().count()).sum();
    assert!(ranges + restrictions < text.len() * 6, "more ranges than bits");
}
