//! What an activity needs of a TC string: which purposes, of us and of the partner.

use super::activity::{Activity, ActivityKind};
use super::evidence::Basis;
use super::policy::Policy;
use super::refusal::Refusal;
use super::tcf::TcString;
use super::tcf::additional::AdditionalConsent;
use super::tcf::basis::{self, VendorView};
use super::tcf::purpose::Purpose;
use super::tcf::vendor_list::VendorDeclaration;
use crate::domain::partner::PartnerListing;

/// A basis, or why there is none.
pub(super) type Granted = Result<Basis, Refusal>;

/// Purposes that all have to have a basis, and some of which one is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub all: &'static [Purpose],
    pub one_of: &'static [Purpose],
}

impl Need {
    pub const fn of(kind: ActivityKind) -> Self {
        use Purpose::{P1, P2, P3, P4, P7, P9};
        let (all, one_of): (&[Purpose], &[Purpose]) = match kind {
            ActivityKind::Measure | ActivityKind::ShareMeasurement => (&[P7], &[]),
            ActivityKind::Identify => (&[P1], &[]),
            ActivityKind::Match => (&[P1], &[P3, P4]),
            ActivityKind::Audience => (&[P1, P3, P4], &[]),
            ActivityKind::ShareRtb => (&[P2, P4], &[]),
            ActivityKind::LinkDevices => (&[P1, P3], &[]),
            ActivityKind::WebHistory => (&[P1, P9], &[]),
        };
        Self { all, one_of }
    }

    /// All purposes that it names.
    pub fn purposes(self) -> impl Iterator<Item = Purpose> {
        self.all.iter().chain(self.one_of).copied()
    }

    fn met(self, basis: impl Fn(Purpose) -> Granted) -> Granted {
        let all = self.all.iter().map(|purpose| basis(*purpose)).reduce(both);
        let one = self.one_of.iter().map(|purpose| basis(*purpose)).reduce(either);
        all.into_iter().chain(one).reduce(both).unwrap_or(Err(Refusal::TcNotDeclared))
    }
}

/// What `string` comes to for `activity`. `additional` are the Additional Consent strings beside it.
pub(super) fn granted(
    activity: Activity,
    string: &TcString<'_>,
    additional: Option<&str>,
    policy: &Policy,
) -> Granted {
    let us = policy.vendor_id.ok_or(Refusal::TcNotOnList)?;
    let (view, declaration) = (string.vendor(us), policy.declaration(us));
    let need = Need::of(activity.kind());
    let ours = need.met(|purpose| of_purpose(&view, purpose, declaration));
    match activity {
        Activity::Match(partner) | Activity::Share(partner, _) => {
            let theirs = match partner {
                PartnerListing::Vendor(id) => of_vendor(id, need, string, policy),
                PartnerListing::Provider(id) => {
                    let storage = of_purpose(&view, Purpose::P1, declaration);
                    both(storage, of_provider(id, additional))
                }
                PartnerListing::Unlisted => Err(Refusal::TcPartner),
            };
            both(ours, theirs)
        }
        Activity::LinkDevices => both(ours, may_link(string, declaration)),
        Activity::Measure | Activity::Identify | Activity::Audience | Activity::WebHistory => ours,
    }
}

pub(super) fn of_purpose(
    view: &VendorView,
    purpose: Purpose,
    declaration: Option<&VendorDeclaration>,
) -> Granted {
    match view.basis(purpose, declaration) {
        Ok(basis::Basis::Consent) => Ok(Basis::Consent),
        Ok(basis::Basis::LegitimateInterest) => Ok(Basis::LegitimateInterest),
        Err(reason) => Err(Refusal::of_no_basis(reason)),
    }
}

/// A partner needs what we need, by its own entry in the vendor list.
fn of_vendor(id: u16, need: Need, string: &TcString<'_>, policy: &Policy) -> Granted {
    let (view, declaration) = (string.vendor(id), policy.declaration(id));
    need.met(|purpose| of_purpose(&view, purpose, declaration)).map_err(|_| Refusal::TcPartner)
}

/// Additional Consent knows no purposes: it is consent to a company, where purpose 1 is consented to as well. All
/// strings must have it.
fn of_provider(id: u32, additional: Option<&str>) -> Granted {
    let strings = additional.ok_or(Refusal::AdditionalConsentAbsent)?.split(' ');
    let each = strings.map(|text| match AdditionalConsent::parse(text) {
        Ok(string) if string.consented(id) => Ok(Basis::Consent),
        Ok(_) => Err(Refusal::AdditionalConsentMissing),
        Err(_) => Err(Refusal::AdditionalConsentMalformed),
    });
    each.reduce(both).unwrap_or(Err(Refusal::AdditionalConsentAbsent))
}

/// Linking devices is feature 2, which has to be declared. Whoever has declared special feature 2 as well, which is to
/// recognise devices by their characteristics, needs the person's opt-in to that.
fn may_link(string: &TcString<'_>, declaration: Option<&VendorDeclaration>) -> Granted {
    let declaration = declaration.ok_or(Refusal::TcNotOnList)?;
    if !declaration.features.contains(LINK_DEVICES) {
        return Err(Refusal::TcNotDeclared);
    }
    if declaration.special_features.contains(SCAN_CHARACTERISTICS)
        && !string.special_feature(SCAN_CHARACTERISTICS)
    {
        return Err(Refusal::TcNoOptIn);
    }
    Ok(Basis::Consent)
}

/// "Link different devices", a feature.
const LINK_DEVICES: u8 = 2;
/// "Actively scan device characteristics for identification", a special feature.
pub(super) const SCAN_CHARACTERISTICS: u8 = 2;

/// The refusal that is reported first; else consent only where both are consent.
pub(super) fn both(one: Granted, other: Granted) -> Granted {
    match (one, other) {
        (Err(one), Err(other)) => Err(one.min(other)),
        (Err(reason), Ok(_)) | (Ok(_), Err(reason)) => Err(reason),
        (Ok(Basis::Consent), Ok(basis)) | (Ok(basis), Ok(_)) => Ok(basis),
    }
}

/// Consent if one of them is; else the refusal that is reported first.
fn either(one: Granted, other: Granted) -> Granted {
    match (one, other) {
        (Err(one), Err(other)) => Err(one.min(other)),
        (Ok(Basis::Consent), _) | (_, Ok(Basis::Consent)) => Ok(Basis::Consent),
        (Ok(basis), _) | (_, Ok(basis)) => Ok(basis),
    }
}
