//! Consent, legitimate interest, or why neither: one vendor's legal basis for one purpose.

use std::fmt;

use crate::consent::tcf::TcString;
use crate::consent::tcf::purpose::{IdSet, Purpose};
use crate::consent::tcf::restrictions::{RestrictionType, VendorRestrictions};
use crate::consent::tcf::validity::Invalid;
use crate::consent::tcf::vendor_list::VendorDeclaration;

impl TcString<'_> {
    /// All that the string says about one vendor. Worth keeping: every call walks over the restrictions.
    pub fn vendor(&self, vendor: u16) -> VendorView {
        let [view] = self.vendors([vendor]);
        view
    }

    /// The same for several vendors, in one walk.
    pub fn vendors<const N: usize>(&self, vendors: [u16; N]) -> [VendorView; N] {
        let invalid = self.invalidities().next();
        let mut restrictions = self.publisher_restrictions().of(vendors).into_iter();
        vendors.map(|vendor| VendorView {
            invalid,
            purpose_consents: self.purpose_consents(),
            purpose_legitimate_interests: self.purpose_legitimate_interests(),
            consented: self.vendor_consents().contains(vendor),
            legitimate_interest: self.vendor_legitimate_interests().contains(vendor),
            disclosed: self.disclosed_vendors().map(|vendors| vendors.contains(vendor)),
            restrictions: restrictions.next().unwrap_or_default(),
        })
    }
}

/// One TC string, seen by one vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorView {
    /// The first reason why the string must not be relied on.
    pub invalid: Option<Invalid>,
    pub purpose_consents: IdSet,
    pub purpose_legitimate_interests: IdSet,
    pub consented: bool,
    /// Shown, and not objected to.
    pub legitimate_interest: bool,
    /// `None`: the string doesn't say who was disclosed.
    pub disclosed: Option<bool>,
    pub restrictions: VendorRestrictions,
}

impl VendorView {
    /// The basis on which the vendor may pursue `purpose`. `declaration` is its entry in the vendor list; `None` if it
    /// has none, or there is no list.
    pub fn basis(&self, purpose: Purpose, declaration: Option<&VendorDeclaration>) -> Result<Basis, NoBasis> {
        if let Some(invalid) = self.invalid {
            return Err(NoBasis::Invalid(invalid));
        }
        let declaration = declaration.ok_or(NoBasis::NotOnList)?;
        let basis = restricted(purpose, declaration, self.restrictions.on(purpose))?;
        // For legitimate interest as well: nobody was shown an interest of somebody who was not disclosed.
        if self.disclosed == Some(false) {
            return Err(NoBasis::NotDisclosed);
        }
        match basis {
            Basis::Consent => self.consent(purpose),
            Basis::LegitimateInterest => self.legitimate_interest(purpose),
        }
    }

    fn consent(&self, purpose: Purpose) -> Result<Basis, NoBasis> {
        if !self.purpose_consents.contains(purpose.id()) {
            return Err(NoBasis::PurposeNotConsented);
        }
        if self.consented { Ok(Basis::Consent) } else { Err(NoBasis::VendorNotConsented) }
    }

    fn legitimate_interest(&self, purpose: Purpose) -> Result<Basis, NoBasis> {
        if !purpose.allows_legitimate_interest() {
            return Err(NoBasis::ConsentOnly);
        }
        if !self.purpose_legitimate_interests.contains(purpose.id()) {
            return Err(NoBasis::PurposeInterestNotShown);
        }
        if self.legitimate_interest {
            Ok(Basis::LegitimateInterest)
        } else {
            Err(NoBasis::VendorInterestNotShown)
        }
    }
}

/// The basis that has to be there, after what the vendor declared and the publisher asks for.
fn restricted(
    purpose: Purpose,
    declaration: &VendorDeclaration,
    restriction: Option<RestrictionType>,
) -> Result<Basis, NoBasis> {
    if declaration.deleted {
        return Err(NoBasis::Deleted);
    }
    let id = purpose.id();
    // No list declares both. If one does, consent is more than legitimate interest.
    let declared = if declaration.consent.contains(id) {
        Basis::Consent
    } else if declaration.legitimate_interest.contains(id) {
        Basis::LegitimateInterest
    } else {
        return Err(NoBasis::NotDeclared);
    };
    let flexible = purpose.may_be_flexible() && declaration.flexible.contains(id);
    match (restriction, declared) {
        (None, declared) => Ok(declared),
        (Some(RestrictionType::NotAllowed), _) => Err(NoBasis::NotAllowed),
        (Some(RestrictionType::Contradictory), _) => Err(NoBasis::Contradictory),
        (Some(RestrictionType::RequireConsent), Basis::LegitimateInterest) if !flexible => {
            Err(NoBasis::ConsentRequired)
        }
        (Some(RestrictionType::RequireLegitimateInterest), Basis::Consent) if !flexible => {
            Err(NoBasis::InterestRequired)
        }
        (Some(RestrictionType::RequireConsent), _) => Ok(Basis::Consent),
        (Some(RestrictionType::RequireLegitimateInterest), _) => Ok(Basis::LegitimateInterest),
    }
}

/// What makes processing lawful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    Consent,
    LegitimateInterest,
}

impl Basis {
    /// A stable word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::LegitimateInterest => "legitimate-interest",
        }
    }
}

/// Why a vendor has no basis for a purpose: the first of the reasons, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoBasis {
    Invalid(Invalid),
    NotOnList,
    Deleted,
    NotDeclared,
    NotAllowed,
    Contradictory,
    ConsentRequired,
    InterestRequired,
    NotDisclosed,
    ConsentOnly,
    PurposeNotConsented,
    VendorNotConsented,
    PurposeInterestNotShown,
    VendorInterestNotShown,
}

impl NoBasis {
    /// A stable word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.code(),
            Self::NotOnList => "vendor-not-on-list",
            Self::Deleted => "vendor-deleted",
            Self::NotDeclared => "purpose-not-declared",
            Self::NotAllowed => "purpose-not-allowed",
            Self::Contradictory => "restrictions-contradict",
            Self::ConsentRequired => "consent-required",
            Self::InterestRequired => "interest-required",
            Self::NotDisclosed => "vendor-not-disclosed",
            Self::ConsentOnly => "consent-only",
            Self::PurposeNotConsented => "purpose-not-consented",
            Self::VendorNotConsented => "vendor-not-consented",
            Self::PurposeInterestNotShown => "purpose-interest-not-shown",
            Self::VendorInterestNotShown => "vendor-interest-not-shown",
        }
    }
}

impl fmt::Display for NoBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(invalid) => return invalid.fmt(f),
            Self::NotOnList => "the vendor is not on the vendor list, or there is none",
            Self::Deleted => "the vendor was deleted from the vendor list",
            Self::NotDeclared => "the vendor has not declared the purpose",
            Self::NotAllowed => "the publisher does not allow the vendor the purpose",
            Self::Contradictory => "the publisher requires consent and legitimate interest of the vendor",
            Self::ConsentRequired => {
                "the publisher requires consent; the vendor has declared legitimate interest only"
            }
            Self::InterestRequired => {
                "the publisher requires legitimate interest; the vendor has declared consent only"
            }
            Self::NotDisclosed => "the vendor was not disclosed",
            Self::ConsentOnly => "the purpose needs consent; legitimate interest is no basis for it",
            Self::PurposeNotConsented => "there is no consent to the purpose",
            Self::VendorNotConsented => "there is no consent to the vendor",
            Self::PurposeInterestNotShown => {
                "legitimate interest in the purpose was not shown or was objected to"
            }
            Self::VendorInterestNotShown => {
                "the vendor's legitimate interest was not shown or was objected to"
            }
        })
    }
}
