//! What a TC string says, as plain sets; how it is written; and the rules over it, in plain words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ids, numbers};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) created_ms: u64,
    pub(super) updated_ms: u64,
    pub(super) policy: u8,
    pub(super) service_specific: bool,
    pub(super) purpose_consents: BTreeSet<u8>,
    pub(super) purpose_interests: BTreeSet<u8>,
    pub(super) vendor_consents: BTreeSet<u16>,
    pub(super) vendor_interests: BTreeSet<u16>,
    /// Purpose, type, vendor.
    pub(super) restrictions: BTreeSet<(u8, u8, u16)>,
    pub(super) disclosed: Option<BTreeSet<u16>>,
}

/// One vendor's entry in the vendor list.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    pub(super) purposes: BTreeSet<u8>,
    pub(super) interests: BTreeSet<u8>,
    pub(super) flexible: BTreeSet<u8>,
    pub(super) deleted: bool,
}

impl Decoded {
    pub(super) fn of_row(row: &Value) -> Self {
        let vendors = |key: &str| row[key].as_str().map(ids);
        let restrictions = row["pr"].as_array().expect("a list").iter();
        let small = |value: &Value| u8::try_from(value.as_u64().expect("a number")).expect("a small number");
        Self {
            created_ms: row["created"].as_u64().expect("a time"),
            updated_ms: row["updated"].as_u64().expect("a time"),
            policy: small(&row["policy"]),
            service_specific: row["ss"].as_bool().expect("a flag"),
            purpose_consents: numbers(&row["pc"]),
            purpose_interests: numbers(&row["pli"]),
            vendor_consents: vendors("vc").expect("a set"),
            vendor_interests: vendors("vli").expect("a set"),
            restrictions: restrictions
                .flat_map(|one| {
                    let (purpose, kind) = (small(&one[0]), small(&one[1]));
                    ids(one[2].as_str().expect("a set")).into_iter().map(move |id| (purpose, kind, id))
                })
                .collect(),
            disclosed: vendors("vd"),
        }
    }

    /// As a TC string, its sets of vendors as ranges or as bits.
    pub(super) fn encode(&self, as_ranges: bool) -> String {
        let set = |ids: &BTreeSet<u16>| if as_ranges { ranges(ids) } else { bitfield(ids) };
        let mut core = format!("{:06b}{:036b}{:036b}", 2, self.created_ms / 100, self.updated_ms / 100);
        core += &format!("{:054b}{:06b}{}0", 0, self.policy, u8::from(self.service_specific));
        core +=
            &format!("{:012b}{}{}", 0, purposes(&self.purpose_consents), purposes(&self.purpose_interests));
        core += &format!("{:013b}{}{}", 0, set(&self.vendor_consents), set(&self.vendor_interests));
        core += &format!("{:012b}", self.restrictions.len());
        for (purpose, kind, vendor) in &self.restrictions {
            core += &format!("{purpose:06b}{kind:02b}{:012b}0{vendor:016b}", 1);
        }
        let disclosed =
            self.disclosed.as_ref().map(|ids| format!(".{}", base64url(&format!("001{}", set(ids)))));
        base64url(&core) + &disclosed.unwrap_or_default()
    }

    /// Whether the string must not be relied on, by the codes of why.
    pub(super) fn invalid(&self) -> BTreeSet<&'static str> {
        let mut why = BTreeSet::new();
        if !self.service_specific {
            why.insert("global-scope");
        }
        // 2023-09-30 is over.
        if self.policy < 4 && self.created_ms >= 1_696_118_400_000 {
            why.insert("outdated-policy");
        }
        // 2026-03-01 has begun.
        let since = 1_772_323_200_000;
        if self.created_ms >= since || self.updated_ms >= since {
            match &self.disclosed {
                Some(disclosed) if !disclosed.is_empty() => {}
                _ => _ = why.insert("nobody-disclosed"),
            }
        }
        why
    }

    /// The basis for `purpose`, and everything that speaks against it.
    pub(super) fn basis(
        &self,
        purpose: u8,
        vendor: u16,
        declared: Option<&Declared>,
    ) -> (&'static str, BTreeSet<&'static str>) {
        let mut against = self.invalid();
        let Some(declared) = declared else {
            against.insert("vendor-not-on-list");
            return ("", against);
        };
        if declared.deleted {
            against.insert("vendor-deleted");
        }
        if self.disclosed.as_ref().is_some_and(|disclosed| !disclosed.contains(&vendor)) {
            against.insert("vendor-not-disclosed");
        }
        let has = |kind| self.restrictions.contains(&(purpose, kind, vendor));
        if has(0) {
            against.insert("purpose-not-allowed");
        }
        if has(1) && has(2) {
            against.insert("restrictions-contradict");
        }
        let flexible = declared.flexible.contains(&purpose) && purpose != 1;
        let basis = if declared.purposes.contains(&purpose) {
            match (has(2), flexible) {
                (true, true) => "legitimate-interest",
                (true, false) => {
                    against.insert("interest-required");
                    "consent"
                }
                (false, _) => "consent",
            }
        } else if declared.interests.contains(&purpose) {
            match (has(1), flexible) {
                (true, true) => "consent",
                (true, false) => {
                    against.insert("consent-required");
                    "legitimate-interest"
                }
                (false, _) => "legitimate-interest",
            }
        } else {
            against.insert("purpose-not-declared");
            return ("", against);
        };
        if basis == "consent" {
            self.against_consent(purpose, vendor, &mut against);
        } else {
            self.against_interest(purpose, vendor, &mut against);
        }
        (basis, against)
    }

    fn against_consent(&self, purpose: u8, vendor: u16, against: &mut BTreeSet<&'static str>) {
        if !self.purpose_consents.contains(&purpose) {
            against.insert("purpose-not-consented");
        }
        if !self.vendor_consents.contains(&vendor) {
            against.insert("vendor-not-consented");
        }
    }

    fn against_interest(&self, purpose: u8, vendor: u16, against: &mut BTreeSet<&'static str>) {
        if [1, 3, 4, 5, 6].contains(&purpose) {
            against.insert("consent-only");
        }
        if !self.purpose_interests.contains(&purpose) {
            against.insert("purpose-interest-not-shown");
        }
        if !self.vendor_interests.contains(&vendor) {
            against.insert("vendor-interest-not-shown");
        }
    }
}

fn purposes(ids: &BTreeSet<u8>) -> String {
    (1..=24).map(|id| if ids.contains(&id) { '1' } else { '0' }).collect()
}

fn bitfield(ids: &BTreeSet<u16>) -> String {
    let max = ids.last().copied().unwrap_or(0);
    let bits: String = (1..=max).map(|id| if ids.contains(&id) { '1' } else { '0' }).collect();
    format!("{max:016b}0{bits}")
}

fn ranges(ids: &BTreeSet<u16>) -> String {
    let max = ids.last().copied().unwrap_or(0);
    let mut entries: Vec<(u16, u16)> = Vec::new();
    for id in ids {
        match entries.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => entries.push((*id, *id)),
        }
    }
    let entry = |(first, last): &(u16, u16)| match first == last {
        true => format!("0{first:016b}"),
        false => format!("1{first:016b}{last:016b}"),
    };
    format!("{max:016b}1{:012b}{}", entries.len(), entries.iter().map(entry).collect::<String>())
}

fn base64url(bits: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let padded = format!("{bits:0<width$}", width = bits.len().next_multiple_of(6));
    let value = |at| usize::from_str_radix(&padded[at..at + 6], 2).expect("six bits");
    (0..padded.len()).step_by(6).map(|at| char::from(ALPHABET[value(at)])).collect()
}
