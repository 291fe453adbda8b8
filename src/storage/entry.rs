//! Everything this server can write down about a person, as one enum.

use crate::consent::gate::Permitted;
use crate::domain::conversion::{Conversion, ConversionKind};
use crate::domain::embed_view::EmbedView;
use crate::domain::opt_out::OptOut;

/// One record. What is personal comes in a [`Permitted`]; an opt-out needs no permit, because it only ever removes.
#[derive(Debug, PartialEq)]
pub enum Entry {
    Conversion(Permitted<Conversion>),
    EmbedView(Permitted<EmbedView>),
    OptOut(OptOut),
}

/// The kinds of record, as configuration, export and metrics name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    PageView,
    Conversion,
    OptOut,
    EmbedView,
}

impl EntryKind {
    pub const ALL: [Self; 4] = [Self::PageView, Self::Conversion, Self::OptOut, Self::EmbedView];

    pub const fn name(self) -> &'static str {
        match self {
            Self::PageView => "page_view",
            Self::Conversion => "conversion",
            Self::OptOut => "opt_out",
            Self::EmbedView => "embed_view",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
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
        }
    }
}
