//! When a sound TC string still counts for nothing.

use std::fmt;

use crate::consent::tcf::TcString;
use crate::domain::time::Timestamp;

/// Why a TC string must not be relied on, whatever it grants. Version 1 is not among them: it is laid out differently
/// and so is an error of [`TcString::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invalid {
    /// Not service-specific; global scope is no more.
    GlobalScope,
    /// A policy version before 4, used when that was over.
    OutdatedPolicy,
    /// Nobody was disclosed although a list of the disclosed is mandatory.
    NobodyDisclosed,
}

impl Invalid {
    pub const ALL: [Self; 3] = [Self::GlobalScope, Self::OutdatedPolicy, Self::NobodyDisclosed];

    /// A stable word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::GlobalScope => "global-scope",
            Self::OutdatedPolicy => "outdated-policy",
            Self::NobodyDisclosed => "nobody-disclosed",
        }
    }

    fn applies_to(self, tc: &TcString<'_>) -> bool {
        match self {
            Self::GlobalScope => !tc.is_service_specific(),
            Self::OutdatedPolicy => tc.policy_version() < 4 && tc.created() >= POLICY_4_ONLY_FROM,
            // Either time will do: who touches an old string has to write it as strings are written by then.
            Self::NobodyDisclosed => {
                tc.created().max(tc.updated()) >= DISCLOSED_VENDORS_FROM
                    && tc.disclosed_vendors().is_none_or(|vendors| vendors.is_empty())
            }
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GlobalScope => "it is not service-specific",
            Self::OutdatedPolicy => "its policy version is less than 4 and it was created after 2023-09-30",
            Self::NobodyDisclosed => "it was created or updated after 2026-02-28 and discloses no vendors",
        })
    }
}

impl TcString<'_> {
    /// Every reason why the string must not be relied on; none: it may be.
    pub fn invalidities(&self) -> impl Iterator<Item = Invalid> {
        Invalid::ALL.into_iter().filter(|invalid| invalid.applies_to(self))
    }
}

/// 2023-10-01T00:00:00Z.
const POLICY_4_ONLY_FROM: Timestamp = Timestamp(1_696_118_400_000);

/// 2026-03-01T00:00:00Z.
const DISCLOSED_VENDORS_FROM: Timestamp = Timestamp(1_772_323_200_000);
