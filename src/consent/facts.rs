//! What the gate read of a request: the bits that a decision rests on, for people.
//!
//! Read from the same strings by the same decoders as the decision. What the gate doesn't read isn't here either: a TC
//! string where the GDPR does not apply, a GPP section that `gpp_sid` leaves out.

use super::activity::Activity;
use super::adchoices::{AdChoices, Choice};
use super::gate::Gate;
use super::gpp::Gpp;
use super::gpp::applicable::section_applies;
use super::gpp::us::UsSection;
use super::gpp::us_rule::UsReason;
use super::heard::Heard;
use super::need::{Need, SCAN_CHARACTERISTICS};
use super::policy::Policy;
use super::tcf::TcString;
use super::tcf::additional::AdditionalConsent;
use super::tcf::purpose::Purpose;
use crate::domain::partner::PartnerListing;

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The parameter, header or cookie.
    pub of: &'static str,
    /// What of it: a section, a vendor, a purpose; empty for the whole.
    pub what: String,
    pub says: String,
}

impl Gate {
    /// What was read to decide about `activities`, in the order in which the rules look at it.
    pub fn facts(&self, heard: &Heard<'_>, activities: &[Activity]) -> Vec<Fact> {
        let mut facts = Facts(Vec::new());
        facts.of_person(heard);
        facts.of_adchoices(heard, self.policy());
        facts.of_gpp(heard);
        if heard.gdpr_applies {
            heard.tc_strings().for_each(|text| facts.of_tc_string(text, activities, self.policy()));
            facts.of_additional_consent(heard, activities);
        }
        for string in heard.signals.us_privacy.strings() {
            let says = format!(
                "notice {}, opted out of sale {}, service provider agreement {}",
                string.notice, string.opt_out_sale, string.lspa_covered
            );
            facts.add("us_privacy", string, says);
        }
        facts.0
    }
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, of: &'static str, what: impl ToString, says: impl ToString) {
        self.0.push(Fact { of, what: what.to_string(), says: says.to_string() });
    }

    fn of_person(&mut self, heard: &Heard<'_>) {
        let signals = heard.signals;
        let country = signals.country.map_or("not known".to_owned(), |country| country.code().to_owned());
        self.add("country", "", country);
        self.add("gdpr", "", if heard.gdpr_applies { "applies" } else { "does not apply" });
        if signals.prefs_malformed {
            self.add("pg_prefs", "", "malformed");
        } else if signals.prefs != Default::default() {
            self.add("pg_prefs", "", signals.prefs);
        }
    }

    fn of_adchoices(&mut self, heard: &Heard<'_>, policy: &Policy) {
        for text in &heard.signals.adchoices {
            let signal = match AdChoices::parse(text) {
                Ok(signal) => signal,
                Err(error) => {
                    self.add("adchoices_signal", "", error);
                    continue;
                }
            };
            self.add("adchoices_signal", "everybody", signal.global);
            let Some(us) = policy.adchoices_participant else { continue };
            let ours: Vec<Choice> =
                signal.participants().filter(|(id, _)| *id == us).map(|(_, choice)| choice).collect();
            let said = ours.iter().map(Choice::to_string).collect::<Vec<_>>().join(", ");
            let what = format!("participant {us} (us)");
            self.add("adchoices_signal", what, if said.is_empty() { "not named".to_owned() } else { said });
        }
    }

    /// The sections that apply: each field that has a value, and each clause by which it denies.
    fn of_gpp(&mut self, heard: &Heard<'_>) {
        for text in &heard.signals.gpp {
            let gpp = match Gpp::parse(text) {
                Ok(gpp) => gpp,
                Err(error) => {
                    self.add("gpp", "", error);
                    continue;
                }
            };
            for (id, text) in gpp.sections() {
                let listed = section_applies(heard.signals.gpp_sid.as_deref(), id);
                let Some(section) = u8::try_from(id).ok().filter(|_| listed) else { continue };
                match UsSection::parse(section, text) {
                    Ok(section) => self.of_us_section(&section),
                    // Section 6 is four characters; of others a fault is told where it is one.
                    Err(_) => self.add("gpp", format!("section {id}"), text),
                }
            }
        }
    }

    fn of_us_section(&mut self, section: &UsSection) {
        let what = format!("section {}", section.id());
        let fields = section.fields().map(|(field, values)| match values {
            [value] => format!("{field} {value}"),
            values => format!("{field} {}", values.iter().map(u8::to_string).collect::<Vec<_>>().join("-")),
        });
        self.add("gpp", &what, fields.collect::<Vec<_>>().join(", "));
        for reason in UsReason::ALL.iter().filter(|reason| reason.holds(section)) {
            self.add("gpp", &what, format!("denies by {}: {reason}", reason.code()));
        }
    }

    fn of_tc_string(&mut self, text: &str, activities: &[Activity], policy: &Policy) {
        const OF: &str = "gdpr_consent";
        let string = match TcString::parse(text) {
            Ok(string) => string,
            Err(error) => return self.add(OF, "", error),
        };
        let head = format!(
            "CMP {}, vendor list {}, policy {}, created {}, updated {}",
            string.cmp_id(),
            string.vendor_list_version(),
            string.policy_version(),
            string.created(),
            string.updated()
        );
        self.add(OF, "", head);
        string
            .invalidities()
            .for_each(|invalid| self.add(OF, "", format!("must not be relied on: {invalid}")));
        let us = policy.vendor_id.into_iter();
        us.for_each(|us| self.of_vendor(&string, ("us", us), activities.iter().copied(), policy));
        let partners = activities.iter().filter_map(|activity| match activity {
            Activity::Match(PartnerListing::Vendor(id)) | Activity::Share(PartnerListing::Vendor(id), _) => {
                Some((*activity, *id))
            }
            _ => None,
        });
        let partners: Vec<_> = partners.collect();
        if let Some((_, id)) = partners.first() {
            let asked = partners.iter().map(|(activity, _)| *activity);
            self.of_vendor(&string, ("partner", *id), asked, policy);
        }
    }

    /// What the string says of one vendor, and of each purpose that `activities` need.
    fn of_vendor(
        &mut self,
        string: &TcString<'_>,
        (who, id): (&str, u16),
        activities: impl Iterator<Item = Activity>,
        policy: &Policy,
    ) {
        let (view, declaration) = (string.vendor(id), policy.declaration(id));
        let disclosed = view.disclosed.map_or("not said", yes_or_no);
        let vendor = format!(
            "consent {}, interest {}, disclosed {disclosed}",
            yes_or_no(view.consented),
            yes_or_no(view.legitimate_interest)
        );
        self.add("gdpr_consent", format!("vendor {id} ({who})"), vendor);
        let mut purposes: Vec<Purpose> =
            activities.flat_map(|activity| Need::of(activity.kind()).purposes()).collect();
        purposes.sort_unstable();
        purposes.dedup();
        for purpose in purposes {
            let restriction = view.restrictions.on(purpose).map_or("none", |restriction| restriction.code());
            let basis = match view.basis(purpose, declaration) {
                Ok(basis) => basis.code().to_owned(),
                Err(reason) => format!("none: {reason}"),
            };
            let says = format!(
                "consent {}, interest {}, restriction {restriction}; basis {basis}",
                yes_or_no(view.purpose_consents.contains(purpose.id())),
                yes_or_no(view.purpose_legitimate_interests.contains(purpose.id()))
            );
            self.add("gdpr_consent", format!("vendor {id} ({who}), purpose {}", purpose.id()), says);
        }
        if who == "us"
            && declaration.is_some_and(|declared| declared.special_features.contains(SCAN_CHARACTERISTICS))
        {
            let opted_in = yes_or_no(string.special_feature(SCAN_CHARACTERISTICS));
            self.add(
                "gdpr_consent",
                format!("special feature {SCAN_CHARACTERISTICS}"),
                format!("opt-in {opted_in}"),
            );
        }
    }

    fn of_additional_consent(&mut self, heard: &Heard<'_>, activities: &[Activity]) {
        const OF: &str = "addtl_consent";
        let provider = activities.iter().find_map(|activity| match activity {
            Activity::Match(PartnerListing::Provider(id))
            | Activity::Share(PartnerListing::Provider(id), _) => Some(*id),
            _ => None,
        });
        let (Some(provider), Some(texts)) = (provider, heard.signals.additional_consent.as_deref()) else {
            return;
        };
        for text in texts.split(' ') {
            match AdditionalConsent::parse(text) {
                Ok(string) => {
                    let disclosed = string.disclosed(provider).map_or("not said", yes_or_no);
                    let says =
                        format!("consent {}, disclosed {disclosed}", yes_or_no(string.consented(provider)));
                    self.add(OF, format!("provider {provider} (partner)"), says);
                }
                Err(error) => self.add(OF, "", error),
            }
        }
    }
}

const fn yes_or_no(bit: bool) -> &'static str {
    if bit { "yes" } else { "no" }
}
