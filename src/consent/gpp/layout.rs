//! How the sections of the United States are laid out: one table, which one decoder walks.
//!
//! Source: the "Sections/US-*" specifications of the Global Privacy Platform. Field names are theirs. Nothing but
//! this table knows the order of fields in a section.

use std::fmt;

/// A field of a section, named as the specifications name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    Version,
    MspaVersion,
    SharingNotice,
    ProcessingNotice,
    SaleOptOutNotice,
    SharingOptOutNotice,
    TargetedAdvertisingOptOutNotice,
    SensitiveDataProcessingOptOutNotice,
    SensitiveDataOptOutNotice,
    SensitiveDataLimitUseNotice,
    SaleOptOut,
    SharingOptOut,
    TargetedAdvertisingOptOut,
    /// One value for each category of sensitive data.
    SensitiveDataProcessing,
    /// One value for each group of ages; some sections have but one.
    KnownChildSensitiveDataConsents,
    PersonalDataConsents,
    AdditionalDataProcessingConsent,
    MspaCoveredTransaction,
    MspaOptOutOptionMode,
    MspaServiceProviderMode,
    MspaMode,
    GpcSegmentType,
    Gpc,
}

impl Field {
    /// How many bits one value has.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Version | Self::MspaVersion => 6,
            Self::Gpc => 1,
            _ => 2,
        }
    }

    /// Whether the specifications give `value` a meaning. What a version means is for the layouts to say.
    pub(super) const fn has(self, value: u8) -> bool {
        match self {
            Self::Version | Self::MspaVersion => true,
            Self::GpcSegmentType => value == 1,
            Self::Gpc => value <= 1,
            _ => value <= 2,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants are spelt as the specifications spell the fields.
        fmt::Debug::fmt(self, f)
    }
}

/// `count` values of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) field: Field,
    pub(super) count: usize,
}

/// One version of one section: its core, and the sub-section that may follow.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) section: u8,
    pub(super) name: &'static str,
    pub(super) version: u8,
    pub(super) core: &'static [Slot],
    /// Empty where the section has none.
    pub(super) extra: &'static [Slot],
}

impl Layout {
    /// In ascending order of section and version. Empty for what is no section of the United States, and for
    /// `uspv1`, which is no bits.
    pub(super) fn of_section(section: u8) -> impl Iterator<Item = &'static Self> {
        LAYOUTS.iter().filter(move |layout| layout.section == section)
    }

    /// Whether the specification, unlike the official encoder, puts a header before the core.
    pub(super) const fn may_have_header(&self) -> bool {
        self.section >= 24
    }
}

const GPC: &[Slot] = &[Slot { field: Field::GpcSegmentType, count: 1 }, Slot { field: Field::Gpc, count: 1 }];
const SENSITIVE_DATA: &[Slot] = &[Slot { field: Field::SensitiveDataProcessing, count: 8 }];
const NONE: &[Slot] = &[];

/// `Field` for one value, `Field[n]` for several; before the `;` the sub-section that may follow the core.
macro_rules! layouts {
    ($($section:literal $name:literal $version:literal: $($field:ident $([$count:literal])?)+, $extra:ident;)*) => {
        pub(super) const LAYOUTS: &[Layout] = &[$(Layout {
            section: $section,
            name: $name,
            version: $version,
            core: &[$(Slot { field: Field::$field, count: layouts!(@ $($count)?) }),+],
            extra: $extra,
        }),*];
    };
    (@) => { 1 };
    (@ $count:literal) => { $count };
}

layouts! {
    7 "usnat" 1: Version SharingNotice SaleOptOutNotice SharingOptOutNotice TargetedAdvertisingOptOutNotice
        SensitiveDataProcessingOptOutNotice SensitiveDataLimitUseNotice
        SaleOptOut SharingOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[12] KnownChildSensitiveDataConsents[2] PersonalDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    7 "usnat" 2: Version SharingNotice SaleOptOutNotice SharingOptOutNotice TargetedAdvertisingOptOutNotice
        SensitiveDataProcessingOptOutNotice SensitiveDataLimitUseNotice
        SaleOptOut SharingOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[16] KnownChildSensitiveDataConsents[3] PersonalDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    8 "usca" 1: Version SaleOptOutNotice SharingOptOutNotice SensitiveDataLimitUseNotice
        SaleOptOut SharingOptOut
        SensitiveDataProcessing[9] KnownChildSensitiveDataConsents[2] PersonalDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    9 "usva" 1: Version SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, NONE;
    10 "usco" 1: Version SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[7] KnownChildSensitiveDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    11 "usut" 1: Version SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SensitiveDataProcessingOptOutNotice SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, NONE;
    12 "usct" 1: Version SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents[3]
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    13 "usfl" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents[3] AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, NONE;
    14 "usmt" 1: Version SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents[3] AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    15 "usor" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[11] KnownChildSensitiveDataConsents[3] AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    16 "ustx" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    17 "usde" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[9] KnownChildSensitiveDataConsents[5] AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    18 "usia" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SensitiveDataOptOutNotice SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    19 "usne" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    20 "usnh" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents[3] AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    21 "usnj" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[10] KnownChildSensitiveDataConsents[5] AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    22 "ustn" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    23 "usmn" 1: Version ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        SensitiveDataProcessing[8] KnownChildSensitiveDataConsents AdditionalDataProcessingConsent
        MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode, GPC;
    24 "usmd" 1: MspaVersion MspaCoveredTransaction MspaMode
        ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut AdditionalDataProcessingConsent, GPC;
    25 "usin" 1: MspaVersion MspaCoveredTransaction MspaMode
        ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        KnownChildSensitiveDataConsents AdditionalDataProcessingConsent, SENSITIVE_DATA;
    26 "usky" 1: MspaVersion MspaCoveredTransaction MspaMode
        ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        KnownChildSensitiveDataConsents AdditionalDataProcessingConsent, SENSITIVE_DATA;
    27 "usri" 1: MspaVersion MspaCoveredTransaction MspaMode
        ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice
        SaleOptOut TargetedAdvertisingOptOut
        KnownChildSensitiveDataConsents AdditionalDataProcessingConsent, SENSITIVE_DATA;
}
