//! What vendors have declared to IAB Europe: the Global Vendor List, without its prose.

use std::fmt;

use crate::consent::tcf::purpose::IdSet;

/// Declarations by vendor id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorList {
    version: u16,
    /// In ascending order of their ids.
    vendors: Box<[(u16, VendorDeclaration)]>,
}

impl VendorList {
    /// The vendors may come in any order.
    pub fn new(version: u16, mut vendors: Vec<(u16, VendorDeclaration)>) -> Result<Self, RepeatedVendor> {
        vendors.sort_unstable_by_key(|(id, _)| *id);
        let repeated = vendors.array_windows().find(|[(id, _), (next, _)]| id == next);
        match repeated {
            Some([(id, _), _]) => Err(RepeatedVendor(*id)),
            None => Ok(Self { version, vendors: vendors.into() }),
        }
    }

    pub const fn version(&self) -> u16 {
        self.version
    }

    pub const fn len(&self) -> usize {
        self.vendors.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.vendors.is_empty()
    }

    pub fn get(&self, vendor: u16) -> Option<&VendorDeclaration> {
        let index = self.vendors.binary_search_by_key(&vendor, |(id, _)| *id).ok()?;
        self.vendors.get(index).map(|(_, declaration)| declaration)
    }
}

/// What one vendor says it does, and on which basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VendorDeclaration {
    /// Those that it asks consent for (`purposes`).
    pub consent: IdSet,
    /// Those that it claims a legitimate interest in (`legIntPurposes`).
    pub legitimate_interest: IdSet,
    /// Those of both that it would do on the other basis, too (`flexiblePurposes`).
    pub flexible: IdSet,
    /// What it does on top of that, and for which it needs no opt-in (`features`).
    pub features: IdSet,
    /// What it does on top of that and needs an opt-in for (`specialFeatures`).
    pub special_features: IdSet,
    /// The list has a `deletedDate`, past or not.
    pub deleted: bool,
}

/// The list has this vendor twice, so that nobody knows what it declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedVendor(pub u16);

impl fmt::Display for RepeatedVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vendor {} is there twice", self.0)
    }
}

impl std::error::Error for RepeatedVendor {}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaring(purpose: u8) -> VendorDeclaration {
        VendorDeclaration { consent: [purpose].into_iter().collect(), ..VendorDeclaration::default() }
    }

    #[test]
    fn vendors_are_found_in_any_order() {
        let list =
            VendorList::new(7, vec![(9, declaring(9)), (1, declaring(1)), (65_535, declaring(3))]).unwrap();
        assert_eq!((list.version(), list.len(), list.is_empty()), (7, 3, false));
        for (id, expect) in [(0, None), (1, Some(1)), (2, None), (9, Some(9)), (10, None), (65_535, Some(3))]
        {
            assert_eq!(list.get(id), expect.map(declaring).as_ref(), "{id}");
        }
    }

    #[test]
    fn a_vendor_twice_is_an_error() {
        let twice = VendorList::new(7, vec![(9, declaring(1)), (1, declaring(1)), (9, declaring(1))]);
        assert_eq!(twice, Err(RepeatedVendor(9)));
    }
}
