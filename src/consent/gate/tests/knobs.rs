//! What the operator may loosen, and that nothing else loosens with it.

use super::activities::decide;
use super::*;
use crate::consent::policy::{Honour, UsOptOut};

#[test]
fn gpc_and_dnt_count_where_the_law_says_so_and_where_nobody_knows() {
    let strict = Policy::new(Regime::None);
    let lenient = Policy { gpc: Honour::WhereRequired, dnt: Honour::WhereRequired, ..strict.clone() };
    for (parameters, gpc, dnt) in [
        (&[][..], true, true),
        (&[("country", "US")], true, false),
        (&[("country", "DE"), ("gdpr", "0")], true, true),
        (&[("country", "JP")], false, false),
        (&[("country", "JP"), ("gdpr", "1"), ("gdpr_consent", CONSENTED)], true, true),
        (&[("country", "JP"), ("us_privacy", "1---")], true, false),
        (&[("country", "JP"), ("gpp", USNAT)], true, false),
        (&[("gdpr", "0")], true, true),
    ] {
        for (signal, counts, reason) in [("Sec-GPC", gpc, Refusal::Gpc), ("DNT", dnt, Refusal::Dnt)] {
            let with: Vec<_> = parameters.iter().copied().chain([(signal, "1")]).collect();
            let decided = |policy| decide(Activity::Measure, policy, &with).err();
            assert_eq!(decided(&strict), Some(reason), "{with:?}");
            if counts {
                assert_eq!(decided(&lenient), Some(reason), "{with:?}");
            } else {
                assert_eq!(
                    decided(&lenient),
                    decide(Activity::Measure, &lenient, parameters).err(),
                    "{with:?}"
                );
            }
        }
    }
    // The bit in a section that applies is part of the section.
    let usca = [("country", "JP"), ("gpp", USCA_OPTED_OUT)];
    assert_eq!(decide(Activity::Measure, &lenient, &usca), Err(Refusal::GppGpc));
}

#[test]
fn an_opt_out_of_the_states_may_leave_bare_measuring_and_nothing_else() {
    let strict = Policy::new(Regime::Us);
    let lenient = Policy { us_opt_out: UsOptOut::MeasureWithoutId, ..strict.clone() };
    let bare = Ok(Basis::WithoutIdentifiers);
    for (name, text, reason, measured) in [
        ("us_privacy", "1YYN", Refusal::UsPrivacyOptOut, bare),
        ("gpp", "DBABLA~CEAQAAAAAABA.QA", Refusal::UsOptOut, bare),
        ("gpp", USNAT_PERSONAL_DATA, Refusal::UsPersonalData, bare),
        ("gpp", "DBABLA~BlQqAAAAAAA.QA", Refusal::UsNoNotice, bare),
        ("gpp", "DBABLA~BVQqAAAAABA.QA", Refusal::UsServiceProvider, bare),
        ("gpp", USCA_OPTED_OUT, Refusal::GppGpc, Err(Refusal::GppGpc)),
        ("gpp", "DBABLA~BVQqAAAAQAA.QA", Refusal::KnownChild, Err(Refusal::KnownChild)),
        ("gpp", "x", Refusal::GppMalformed, Err(Refusal::GppMalformed)),
        ("us_privacy", "x", Refusal::UsPrivacyMalformed, Err(Refusal::UsPrivacyMalformed)),
    ] {
        for activity in ACTIVITIES {
            let parameters = [(name, text), ("us_privacy", "1YNN")];
            assert_eq!(decide(activity, &strict, &parameters[..1]), Err(reason), "{activity:?} {text}");
            let expect = if activity == Activity::Measure { measured } else { Err(reason) };
            assert_eq!(decide(activity, &lenient, &parameters), expect, "{activity:?} {text}");
        }
    }
    let both = [("us_privacy", "1YYN"), ("us_privacy", "x")];
    assert_eq!(decide(Activity::Measure, &lenient, &both), Err(Refusal::UsPrivacyMalformed));
}
