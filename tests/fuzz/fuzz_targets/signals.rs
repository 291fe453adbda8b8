//! What a request says about consent, and the small texts that are kept: no panic, and the laws of the gate hold.
//!
//! One signal a line: `H name: value` a header, `P name=value` a parameter, `C name=value` a cookie, `R us` the
//! default regime, `L DE` the country. Everything else is taken as a page address, an amount and a short text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::consent::activity::{Activity, ActivityKind};
use pixelgate::consent::gate::Gate;
use pixelgate::consent::policy::{Policy, Regime};
use pixelgate::consent::rule::{Circumstances, Verdict};
use pixelgate::consent::signals::Signals;
use pixelgate::domain::conversion::{Country, ShortText};
use pixelgate::domain::money::{Currency, Money};
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::partner::PartnerListing;
use pixelgate::domain::personal::looks_personal;
use pixelgate::domain::time::Timestamp;
use pixelgate_fuzz::genuine::Nobody;

fuzz_target!(|text: &str| {
    let lines: Vec<_> = text.lines().collect();
    let once = see(lines.iter().copied());
    let backwards_and_twice = see(lines.iter().rev().chain(&lines).copied());
    let fewer = see(lines.iter().skip(1).copied().filter(|line| !line.starts_with('L')));
    let refusals_only = see(lines.iter().copied().filter(|line| !line.starts_with('L')));
    for regime in Regime::ALL {
        for activity in ActivityKind::ALL.map(|kind| kind.with(PartnerListing::Vendor(25))) {
            let allowed = is_allowed(&once, regime, activity);
            assert_eq!(
                allowed,
                is_allowed(&backwards_and_twice, regime, activity),
                "order or repetition counts"
            );
            let one_less = is_allowed(&fewer, regime, activity);
            assert!(
                one_less || !is_allowed(&refusals_only, regime, activity),
                "one more signal allowed more"
            );
        }
    }
    lines.iter().for_each(|line| keep(line));
});

fn see<'t>(lines: impl Iterator<Item = &'t str>) -> Signals<'t> {
    let mut signals = Signals::default();
    let mut country = None;
    for line in lines {
        let Some((kind, rest)) = line.split_at_checked(2) else { continue };
        match kind {
            "H " => {
                let (name, value) = rest.split_once(':').unwrap_or((rest, ""));
                signals.see_header(name, value.as_bytes());
            }
            "P " => {
                let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
                // What can widen: `gdpr=0` is a basis of its own under the regime `gdpr`, a list of sections leaves
                // sections out, and a listed section can be in one GPP string or the other.
                let widens = matches!(name, "gpp" | "gpp_sid") || (name == "gdpr" && value.trim() == "0");
                if !widens {
                    signals.see_parameter(name, value);
                }
            }
            "C " => {
                let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
                signals.see_cookie(name, value);
            }
            // Of several countries the last in the alphabet: what comes first must not matter here either.
            "L " => country = country.max(Country::parse(rest).map(Country::bytes)),
            _ => {}
        }
    }
    signals.set_country(country.and_then(|code| Country::parse(std::str::from_utf8(&code).ok()?)));
    signals
}

/// What `admit` and `explain` make of it; they must agree.
fn is_allowed(signals: &Signals<'_>, default_regime: Regime, activity: Activity) -> bool {
    let gate = Gate::new(Policy::new(default_regime));
    let heard = gate.hear(signals);
    let about =
        Circumstances { heard: &heard, directed_to_children: false, opt_outs: &Nobody, now: Timestamp(0) };
    let verdicts: Vec<_> = gate.explain(activity, &[None; 3], &about).map(|(_, verdict)| verdict).collect();
    let denied = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Deny(_)));
    !denied && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Allow(..)))
}

/// What is kept of a text stays as it is when it is read again, and names nobody.
fn keep(text: &str) {
    if let Some(page) = PageAddress::reduce(text) {
        assert!(!page.as_str().contains(['?', '#']), "a query or a fragment was kept");
        assert_eq!(PageAddress::reduce(page.as_str()).as_ref(), Some(&page));
        assert!(page.as_str().starts_with(page.origin()));
    }
    if let Some(short) = ShortText::parse(text) {
        assert!(!looks_personal(short.as_str()) && short.as_str().len() <= 128);
        assert_eq!(ShortText::parse(short.as_str()).as_ref(), Some(&short));
    }
    if let Ok(money) = Money::parse(text, Currency::USD) {
        assert!(money.micros() >= 0, "a negative amount");
    }
}
