//! TC strings to send and to measure with. All of them permit [`VENDOR`] everything, and are valid whenever they are
//! read.

use crate::bits::Bits;
use crate::random::Random;

/// Who we are in them, and a partner.
pub(crate) const VENDOR: u16 = 755;
pub(crate) const PARTNER: u16 = 91;

/// The kinds that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Two dozen vendors.
    Small,
    /// 1,200 of 1,500 vendors as bits, which is what a consent platform writes for a visitor who agrees to everything.
    Bits,
    /// 1,140 of 1,500 vendors in 46 ranges, about as many as are shorter than the bits.
    Ranges,
    /// 1,130 of 1,500 vendors in 280 ranges: three times as long as the bits, so that no official encoder writes it.
    ManyRanges,
    /// As long as any string may be, nothing but single vendors in ascending order.
    CraftedInOrder,
    /// As long as any string may be: ranges and single vendors in any order.
    CraftedInDisorder,
    /// As long as any string may be: publisher restrictions of one vendor each.
    CraftedRestrictions,
}

/// What a browser sends whose user agreed to everything. The same in every run.
pub(crate) fn of_real_size() -> String {
    Kind::Bits.string(&mut Random::new(1))
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Small,
        Self::Bits,
        Self::Ranges,
        Self::ManyRanges,
        Self::CraftedInOrder,
        Self::CraftedInDisorder,
        Self::CraftedRestrictions,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Small => "24 vendors",
            Self::Bits => "1,200 vendors as bits",
            Self::Ranges => "1,140 vendors in 46 ranges",
            Self::ManyRanges => "1,130 vendors in 280 ranges",
            Self::CraftedInOrder => "crafted, 16 KiB in order",
            Self::CraftedInDisorder => "crafted, 16 KiB in disorder",
            Self::CraftedRestrictions => "crafted, 16 KiB of restrictions",
        }
    }

    /// One of them, by chance.
    pub(crate) fn string(self, random: &mut Random) -> String {
        let restrictions = Bits::default().put(0, 12);
        match self {
            Self::Small => {
                let ids = some(24, 1200, random);
                assemble(&ranges(&ids), &ranges(&[]), &restrictions, &bits(&ids))
            }
            Self::Bits => {
                let ids = some(1200, 1500, random);
                assemble(&bits(&ids), &bits(&some(400, 1500, random)), &restrictions, &bits(&ids))
            }
            Self::Ranges => {
                // One gap of 8 in every 33, and none where we or the partner would be.
                let gaps: Vec<u16> = (0..46).map(|_| 1 + random.below(16) as u16).collect();
                let is_there = |id: &u16| {
                    let gap = gaps[usize::from(id / 33)];
                    !(gap..gap + 8).contains(&(id % 33))
                };
                let ids: Vec<u16> = (1..=1500).filter(is_there).collect();
                assemble(&ranges(&ids), &bits(&some(400, 1500, random)), &restrictions, &ranges(&ids))
            }
            Self::ManyRanges => {
                let ids = some(1130, 1500, random);
                let interests: Vec<u16> = ids.iter().copied().filter(|_| random.below(3) == 0).collect();
                assemble(&ranges(&ids), &ranges(&interests), &restrictions, &ranges(&ids))
            }
            Self::CraftedInOrder => {
                let single = |number: u16| (number * 3 + VENDOR % 3, number * 3 + VENDOR % 3);
                let consents = entries(1..=4000, single);
                assemble(
                    &listed(&consents),
                    &listed(&entries(1..=1500, single)),
                    &restrictions,
                    &ranges(&[VENDOR]),
                )
            }
            Self::CraftedInDisorder => {
                let mut anything = |_| {
                    let first = 1 + random.below(65_000) as u16;
                    (first, first + random.below(2) as u16)
                };
                let (mut consents, interests) =
                    (entries(1..=2800, &mut anything), entries(1..=850, &mut anything));
                consents.insert(1400, (VENDOR, VENDOR));
                assemble(&listed(&consents), &listed(&interests), &restrictions, &ranges(&[VENDOR]))
            }
            Self::CraftedRestrictions => {
                let restrictions = (0..2600).fold(Bits::default().put(2600, 12), |bits, number| {
                    let vendor = 1000 + random.below(60_000);
                    bits.put(number % 64, 6).put(random.below(4), 2).put(1, 12).put(0, 1).put(vendor, 16)
                });
                assemble(&ranges(&[VENDOR]), &ranges(&[]), &restrictions, &ranges(&[VENDOR]))
            }
        }
    }
}

/// `count` ids up to `max`, ours and the partner's among them where they fit.
fn some(count: usize, max: u16, random: &mut Random) -> Vec<u16> {
    let mut ids: Vec<u16> = [VENDOR, PARTNER].into_iter().filter(|id| *id <= max).collect();
    while ids.len() < count {
        let id = 1 + random.below(max.into()) as u16;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.sort_unstable();
    ids
}

fn entries(numbers: impl Iterator<Item = u16>, entry: impl FnMut(u16) -> (u16, u16)) -> Vec<(u16, u16)> {
    numbers.map(entry).collect()
}

/// {MaxVendorId16 IsRange1=0 bits}
fn bits(ids: &[u16]) -> Bits {
    let max = ids.last().copied().unwrap_or(0);
    let set = Bits::default().put(max.into(), 16).put(0, 1);
    (1..=max).fold(set, |bits, id| bits.put(ids.binary_search(&id).is_ok().into(), 1))
}

/// As few ranges as will do.
fn ranges(ids: &[u16]) -> Bits {
    let mut entries: Vec<(u16, u16)> = Vec::new();
    for id in ids {
        match entries.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => entries.push((*id, *id)),
        }
    }
    listed(&entries)
}

/// {MaxVendorId16 IsRange1=1 NumEntries12 entries}
fn listed(entries: &[(u16, u16)]) -> Bits {
    let max = entries.iter().map(|(_, last)| *last).max().unwrap_or(0);
    let set = Bits::default().put(max.into(), 16).put(1, 1).put(entries.len() as u64, 12);
    entries.iter().fold(set, |bits, (first, last)| match first == last {
        true => bits.put(0, 1).put((*first).into(), 16),
        false => bits.put(1, 1).put((*first).into(), 16).put((*last).into(), 16),
    })
}

/// Service-specific, policy 5, all purposes.
fn assemble(consents: &Bits, interests: &Bits, restrictions: &Bits, disclosed: &Bits) -> String {
    const CREATED_DS: u64 = 17_650_000_000;
    let purposes = 0b1111_1111_1110_0000_0000_0000;
    let core = Bits::default().put(2, 6).put(CREATED_DS, 36).put(CREATED_DS, 36).put(0, 54);
    let core = core.put(5, 6).put(0b10, 2).put(0, 12).put(purposes, 24).put(purposes, 24).put(0, 13);
    let core = core.join(consents).join(interests).join(restrictions);
    // As the official encoders fill up.
    let segment = |bits: Bits| bits.fill_up_to(24).base64url();
    format!("{}.{}", segment(core), segment(Bits::default().put(1, 3).join(disclosed)))
}

#[cfg(test)]
mod tests {
    use pixelgate::consent::tcf::TcString;
    use pixelgate::consent::tcf::purpose::Purpose;
    use pixelgate::consent::tcf::vendor_list::VendorDeclaration;

    use super::*;

    #[test]
    fn every_kind_permits_our_vendor_and_is_as_long_as_it_says() {
        let declaration = VendorDeclaration { consent: (1..=11).collect(), ..VendorDeclaration::default() };
        let random = &mut Random::new(1);
        for kind in Kind::ALL {
            let text = kind.string(random);
            let tc = TcString::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
            let basis = tc.vendor(VENDOR).basis(Purpose::P7, Some(&declaration));
            assert!(basis.is_ok(), "{}: {basis:?}", kind.name());
            let length = match kind {
                Kind::Small => 200..400,
                Kind::Bits | Kind::Ranges => 700..900,
                Kind::ManyRanges => 3_000..4_500,
                _ => 15_000..16_385,
            };
            assert!(length.contains(&text.len()), "{}: {}", kind.name(), text.len());
            assert_eq!(
                tc.vendor_consents().ranges().count() > 40,
                kind != Kind::Small && kind != Kind::CraftedRestrictions
            );
        }
    }
}
