//! Everything this server can write down about a person, as one enum.

use crate::consent::gate::Permitted;
use crate::consent::prefs::AccountPrefs;
use crate::domain::conversion::{Conversion, ConversionKind};
use crate::domain::embed_view::EmbedView;
use crate::domain::erasure::Erasure;
use crate::domain::matching::{PartnerMatch, Unmatch};
use crate::domain::opt_out::OptOut;
use crate::domain::touch::Touch;

/// One record. What is personal comes in a [`Permitted`]; an opt-out, settings, an erasure and an unmatch need no permit:
/// they are what people ask of us.
#[derive(Debug, PartialEq)]
pub enum Entry {
    Conversion(Permitted<Conversion>),
    EmbedView(Permitted<EmbedView>),
    Match(Permitted<PartnerMatch>),
    Touch(Permitted<Touch>),
    Unmatch(Unmatch),
    OptOut(OptOut),
    Erasure(Erasure),
    Settings(AccountPrefs),
}

/// The kinds of record, as configuration, export and metrics name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    PageView,
    Conversion,
    OptOut,
    EmbedView,
    Erasure,
    Match,
    Unmatch,
    Settings,
    Touch,
}

impl EntryKind {
    pub const ALL: [Self; 9] = [
        Self::PageView,
        Self::Conversion,
        Self::OptOut,
        Self::EmbedView,
        Self::Erasure,
        Self::Match,
        Self::Unmatch,
        Self::Settings,
        Self::Touch,
    ];
    /// Those that a reader of the log is shown.
    pub const ROWS: [Self; 8] = [
        Self::PageView,
        Self::Conversion,
        Self::OptOut,
        Self::EmbedView,
        Self::Match,
        Self::Unmatch,
        Self::Settings,
        Self::Touch,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::PageView => "page_view",
            Self::Conversion => "conversion",
            Self::OptOut => "opt_out",
            Self::EmbedView => "embed_view",
            Self::Erasure => "erasure",
            Self::Match => "match",
            Self::Unmatch => "unmatch",
            Self::Settings => "settings",
            Self::Touch => "touch",
        }
    }

    /// Whether entries of this kind say what somebody does not want. They are taken when nothing else is any more.
    pub const fn only_removes(self) -> bool {
        matches!(self, Self::OptOut | Self::Erasure | Self::Settings)
    }
}

impl Entry {
    pub const fn kind(&self) -> EntryKind {
        match self {
            Self::Conversion(conversion) => match conversion.value().kind() {
                ConversionKind::PageView => EntryKind::PageView,
                ConversionKind::Conversion => EntryKind::Conversion,
            },
            Self::OptOut(_) => EntryKind::OptOut,
            Self::EmbedView(_) => EntryKind::EmbedView,
            Self::Match(_) => EntryKind::Match,
            Self::Unmatch(_) => EntryKind::Unmatch,
            Self::Erasure(_) => EntryKind::Erasure,
            Self::Settings(_) => EntryKind::Settings,
            Self::Touch(_) => EntryKind::Touch,
        }
    }
}
