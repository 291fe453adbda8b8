//! GPP strings to measure with.

use pixelgate::consent::gpp::us::UsSection;

use crate::bits::Bits;
use crate::random::Random;
use crate::tc_string;

/// The kinds that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A TC string of 1,200 vendors, and what was chosen in the United States.
    TwoSections,
    /// 6 to 27, which are all that there are rules for.
    UsSections,
    /// As long as any string may be: as many ids as a header can list, none next to another.
    CraftedIds,
    /// As long as any string may be: single ids and groups of two, as many as a header can list.
    CraftedGroups,
    /// As long as any string may be: one group of sections without any text.
    CraftedEmptySections,
    /// As long as any string may be: one section, all zeros.
    CraftedSection,
    /// As long as any string may be: a TC string made to take long.
    CraftedTcString,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::TwoSections,
        Self::UsSections,
        Self::CraftedIds,
        Self::CraftedGroups,
        Self::CraftedEmptySections,
        Self::CraftedSection,
        Self::CraftedTcString,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TwoSections => "TC string, national section",
            Self::UsSections => "22 sections of the US",
            Self::CraftedIds => "crafted, 16 KiB of ids",
            Self::CraftedGroups => "crafted, 16 KiB of groups",
            Self::CraftedEmptySections => "crafted, 16 KiB of sections",
            Self::CraftedSection => "crafted, 16 KiB of one section",
            Self::CraftedTcString => "crafted, 16 KiB of a TC string",
        }
    }

    /// One of them, by chance.
    pub(crate) fn string(self, random: &mut Random) -> String {
        match self {
            Self::TwoSections => {
                let tc = tc_string::Kind::Bits.string(random);
                format!("{}~{tc}~BVQqAAAAAAA.QA", header(&[(2, 0), (5, 0)]))
            }
            Self::UsSections => {
                let sections: String = (7..=27).map(|id| format!("~{}", unanswered(id))).collect();
                format!("{}~1YNN{sections}", header(&[(6, 21)]))
            }
            Self::CraftedIds => {
                let group = |_| {
                    let offset_max = 1 << (7 + random.below(10));
                    (1 + random.below(offset_max) as u32, 0)
                };
                with_empty_sections(&(0..GROUPS_MAX).map(group).collect::<Vec<_>>())
            }
            Self::CraftedGroups => {
                let group = |_| match random.below(2) {
                    0 => (1 + random.below(60) as u32, 1),
                    _ => (1 + random.below(2000) as u32, 0),
                };
                with_empty_sections(&(0..GROUPS_MAX).map(group).collect::<Vec<_>>())
            }
            Self::CraftedEmptySections => with_empty_sections(&[(1, 16_000 + random.below(300) as u32)]),
            Self::CraftedSection => {
                format!("{}~{}", header(&[(7, 0)]), "A".repeat(16_300 + random.below(70) as usize))
            }
            Self::CraftedTcString => {
                format!("{}~{}", header(&[(2, 0)]), tc_string::Kind::CraftedInDisorder.string(random))
            }
        }
    }
}

/// The section `id` in which nothing was asked and nothing chosen.
fn unanswered(id: u8) -> String {
    let mut texts = (1..40).map(|zeros| format!("B{}", "A".repeat(zeros)));
    texts.find(|text| UsSection::parse(id, text).is_ok()).unwrap_or_default()
}

/// {Type6=3 Version6=1 NumGroups12 groups}: a group is an offset from the last id, and how many more ids follow the
/// first.
fn header(groups: &[(u32, u32)]) -> String {
    let head = Bits::default().put(3, 6).put(1, 6).put(groups.len() as u64, 12);
    let ids = groups.iter().fold(head, |bits, (offset, more)| match more {
        0 => bits.put(0, 1).put_fibonacci(*offset),
        _ => bits.put(1, 1).put_fibonacci(*offset).put_fibonacci(*more),
    });
    ids.base64url()
}

fn with_empty_sections(groups: &[(u32, u32)]) -> String {
    let sections: u32 = groups.iter().map(|(_, more)| 1 + more).sum();
    header(groups) + &"~".repeat(sections as usize)
}

/// Their number has 12 bits.
const GROUPS_MAX: u16 = 4095;

#[cfg(test)]
mod tests {
    use pixelgate::consent::gpp::Gpp;
    use pixelgate::consent::gpp::applicable::Applicable;

    use super::*;

    #[test]
    fn every_kind_is_read_to_its_end_and_as_long_as_it_says() {
        let random = &mut Random::new(1);
        for kind in Kind::ALL {
            let text = kind.string(random);
            let gpp = Gpp::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
            let (sections, length) = match kind {
                Kind::TwoSections => (2..3, 700..900),
                Kind::UsSections => (22..23, 150..300),
                Kind::CraftedIds => (4095..4096, 14_500..16_385),
                Kind::CraftedGroups => (6000..6300, 14_500..16_385),
                Kind::CraftedEmptySections => (16_000..16_385, 16_000..16_385),
                Kind::CraftedSection | Kind::CraftedTcString => (1..2, 15_000..16_385),
            };
            assert!(sections.contains(&gpp.sections().count()), "{}", kind.name());
            assert!(length.contains(&text.len()), "{}: {}", kind.name(), text.len());
            let found = Applicable::find(None, Some(Ok(&gpp)));
            let honest = matches!(kind, Kind::TwoSections | Kind::UsSections | Kind::CraftedTcString);
            assert_eq!(found.fault.is_none(), honest, "{}: {:?}", kind.name(), found.fault);
        }
    }
}
