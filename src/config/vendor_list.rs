//! The Global Vendor List as IAB Europe publishes it (GVL v3 JSON) -> [`VendorList`].
//!
//! Only what decides about a legal basis is kept: 56 bytes a vendor.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::consent::tcf::purpose::IdSet;
use crate::consent::tcf::vendor_list::{RepeatedVendor, VendorDeclaration, VendorList};
use crate::domain::time::Timestamp;

/// Where the vendor list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorListSource {
    /// GVL v3 JSON.
    File(PathBuf),
    /// The made-up one of development mode.
    Development,
}

impl VendorListSource {
    pub fn load(&self) -> Result<VendorList, VendorListError> {
        match self {
            Self::File(path) => load_vendor_list(path),
            Self::Development => {
                Ok(parse_vendor_list(DEV_VENDOR_LIST).expect("the made-up list is whole; a test reads it"))
            }
        }
    }
}

/// The file's name, or what it is instead.
impl fmt::Display for VendorListSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Development => f.write_str("built in, made up"),
        }
    }
}

const DEV_VENDOR_LIST: &str = include_str!("../../static/vendor-list.dev.json");

/// Reads the vendor list at `path`. A list with anything wrong in it is an error as a whole: half a list would deny
/// the other half of the vendors without a word.
pub fn load_vendor_list(path: &Path) -> Result<VendorList, VendorListError> {
    read_vendor_list(path).map(|(list, _)| list)
}

/// The same, with the text that it was read from.
pub fn read_vendor_list(path: &Path) -> Result<(VendorList, String), VendorListError> {
    #[expect(clippy::disallowed_methods, reason = "the vendor list is not in the data directory")]
    let text = std::fs::read_to_string(path)
        .map_err(|source| VendorListError::Unreadable { path: path.to_owned(), source })?;
    match parse_vendor_list(&text) {
        Ok(list) => Ok((list, text)),
        Err(source) => Err(VendorListError::Unusable { path: path.to_owned(), source }),
    }
}

/// Reads the text of a vendor list.
pub fn parse_vendor_list(text: &str) -> Result<VendorList, VendorListFault> {
    let list: List = serde_json::from_str(text)?;
    if list.gvl_specification_version != SPECIFICATION_VERSION {
        return Err(VendorListFault::Specification(list.gvl_specification_version));
    }
    if list.vendors.0.is_empty() {
        return Err(VendorListFault::NoVendors);
    }
    Ok(VendorList::new(list.vendor_list_version, list.last_updated.0, list.vendors.0)?)
}

/// Why there is no vendor list.
#[derive(Debug, thiserror::Error)]
pub enum VendorListError {
    #[error("the vendor list {path} could not be read", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the vendor list {path} is not usable", path = .path.display())]
    Unusable { path: PathBuf, source: VendorListFault },
}

/// What is wrong with the text of a vendor list.
#[derive(Debug, thiserror::Error)]
pub enum VendorListFault {
    /// Says what and in which line and column.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("gvlSpecificationVersion is {0}, not {SPECIFICATION_VERSION}")]
    Specification(u16),
    #[error("it has no vendors")]
    NoVendors,
    #[error(transparent)]
    Repeated(#[from] RepeatedVendor),
}

const SPECIFICATION_VERSION: u16 = 3;

/// As many purposes as a TC string has bits for.
const PURPOSE_MAX: u8 = 24;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    gvl_specification_version: u16,
    vendor_list_version: u16,
    last_updated: Moment,
    vendors: Vendors,
}

/// RFC 3339, as `2026-10-29T16:00:00Z`.
struct Moment(Timestamp);

/// An object whose keys are the vendors' ids; unlike a map it notices a key that is there twice.
struct Vendors(Vec<(u16, VendorDeclaration)>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vendor {
    id: u16,
    purposes: Purposes,
    leg_int_purposes: Purposes,
    flexible_purposes: Purposes,
    #[serde(default)]
    features: Purposes,
    #[serde(default)]
    special_features: Purposes,
    deleted_date: Option<String>,
}

/// Ids of purposes, or of features, which are fewer.
#[derive(Default)]
struct Purposes(IdSet);

impl<'de> Deserialize<'de> for Vendors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vendors;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of vendors by their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vendors, A::Error> {
                let mut vendors = Vec::new();
                while let Some((key, vendor)) = map.next_entry::<u16, Vendor>()? {
                    if key == 0 || key != vendor.id {
                        return Err(A::Error::custom(format!("vendor {key} has the id {}", vendor.id)));
                    }
                    vendors.push((key, vendor.declaration()));
                }
                Ok(Vendors(vendors))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = text.parse::<jiff::Timestamp>().ok();
        let ms = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
        ms.map(|ms| Self(Timestamp(ms))).ok_or_else(|| D::Error::custom(format!("{text:?} is no time")))
    }
}

impl Vendor {
    fn declaration(self) -> VendorDeclaration {
        VendorDeclaration {
            consent: self.purposes.0,
            legitimate_interest: self.leg_int_purposes.0,
            flexible: self.flexible_purposes.0,
            features: self.features.0,
            special_features: self.special_features.0,
            deleted: self.deleted_date.is_some(),
        }
    }
}

impl<'de> Deserialize<'de> for Purposes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Vec::<u8>::deserialize(deserializer)?;
        match ids.iter().find(|id| !(1..=PURPOSE_MAX).contains(*id)) {
            Some(id) => Err(D::Error::custom(format!("{id} is no purpose"))),
            None => Ok(Self(ids.into_iter().collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: &str = r#""755": {"id": 755, "name": "x", "purposes": [1, 3], "legIntPurposes": [2, 7],
        "flexiblePurposes": [2], "specialPurposes": [1], "features": [2, 3], "specialFeatures": [1]}"#;

    fn list(vendors: &str) -> String {
        format!(
            "{{\"gvlSpecificationVersion\": 3, \"vendorListVersion\": 312, \
             \"lastUpdated\": \"2026-10-29T16:00:00Z\", \"vendors\": {{{vendors}}}}}"
        )
    }

    #[track_caller]
    fn check_fault(text: &str, expect: &str) {
        let fault = parse_vendor_list(text).expect_err("a list with a fault").to_string();
        assert!(fault.contains(expect), "{text} is told as {fault:?}");
    }

    #[test]
    fn a_list_is_read_as_declared() {
        let deleted =
            VENDOR.replace("755", "9").replace("\"name\"", "\"deletedDate\": \"2025-01-15\", \"name\"");
        let list = parse_vendor_list(&list(&format!("{VENDOR}, {deleted}"))).unwrap();
        let ids = |ids: &[u8]| ids.iter().copied().collect::<IdSet>();
        let expect = VendorDeclaration {
            consent: ids(&[1, 3]),
            legitimate_interest: ids(&[2, 7]),
            flexible: ids(&[2]),
            features: ids(&[2, 3]),
            special_features: ids(&[1]),
            deleted: false,
        };
        assert_eq!((list.version(), list.len(), list.deleted()), (312, 2, 1));
        assert_eq!(list.last_updated().to_string(), "2026-10-29T16:00:00.000Z");
        assert_eq!(list.get(755), Some(&expect));
        assert_eq!(list.get(9), Some(&VendorDeclaration { deleted: true, ..expect }));
        let bare = VENDOR.replace("eatures\"", "eature\"");
        let list = parse_vendor_list(&self::list(&bare)).unwrap();
        let none = VendorDeclaration { features: ids(&[]), special_features: ids(&[]), ..expect };
        assert_eq!(list.get(755), Some(&none), "no list of features is none");
    }

    #[test]
    fn a_vendor_is_as_small_as_the_page_says() {
        assert_eq!(size_of::<(u16, VendorDeclaration)>(), 56);
    }

    #[test]
    fn a_list_with_a_fault_is_no_list() {
        check_fault("", "line 1 column 0");
        check_fault("{}", "missing field `gvlSpecificationVersion`");
        check_fault(&list(""), "it has no vendors");
        check_fault(&list(VENDOR).replace("last", "first"), "missing field `lastUpdated`");
        check_fault(&list(VENDOR).replace("2026-", "26-"), "\"26-10-29T16:00:00Z\" is no time");
        check_fault(&list(VENDOR).replace("2026-", "1926-"), "\"1926-10-29T16:00:00Z\" is no time");
        check_fault(&list(VENDOR).replace("T16:00:00Z", ""), "\"2026-10-29\" is no time");
        check_fault(&list(VENDOR).replace("\": 3,", "\": 2,"), "gvlSpecificationVersion is 2, not 3");
        check_fault(&list(&VENDOR.replace("\"755\":", "\"756\":")), "vendor 756 has the id 755");
        check_fault(&list(&VENDOR.replace("755", "0")), "vendor 0 has the id 0");
        check_fault(&list(&VENDOR.replace("755", "65536")), "65536");
        check_fault(&list(&format!("{VENDOR}, {VENDOR}")), "vendor 755 is there twice");
        check_fault(&list(&VENDOR.replace("[1, 3]", "[1, 25]")), "25 is no purpose");
        check_fault(&list(&VENDOR.replace("[1, 3]", "[0]")), "0 is no purpose");
        check_fault(&list(&VENDOR.replace("flexible", "inflexible")), "missing field `flexiblePurposes`");
        let whole = list(VENDOR);
        for cut in 0..whole.len() {
            parse_vendor_list(&whole[..cut]).expect_err("a list that was cut off");
        }
    }

    #[test]
    fn the_made_up_list_declares_what_tutorials_rely_on() {
        let list = VendorListSource::Development.load().unwrap();
        let declared = |id| {
            let VendorDeclaration { consent, legitimate_interest, flexible, deleted, .. } =
                list.get(id).unwrap();
            format!("{consent}; {legitimate_interest}; {flexible}; {deleted}")
        };
        assert_eq!(list.len(), 4);
        assert_eq!(declared(9_999), "1, 3, 4, 7; none; none; false");
        assert_eq!(declared(755), "1, 3, 4; 7; 7; false");
        assert_eq!(declared(25), "1, 3, 4; none; none; false");
        assert_eq!(declared(52), "1, 2, 3, 4, 7; none; none; false");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = load_vendor_list(Path::new("no/such/list.json")).expect_err("there is none");
        assert_eq!(error.to_string(), "the vendor list no/such/list.json could not be read");
    }
}
