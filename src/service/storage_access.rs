//! Whether third-party cookies work where a request was made, as far as the browser says.

/// The `Sec-Fetch-Storage-Access` header (Storage Access Headers, section 3), together with `Sec-Fetch-Site`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageAccess {
    /// The browser sends the cookies that all sites share, or we are the site.
    Active,
    /// It doesn't: what it is given it keeps for this site alone, or not at all.
    None,
    /// It doesn't say, as older ones and all of them behind a redirect in Firefox.
    Unknown,
}

impl StorageAccess {
    pub const ALL: [Self; 3] = [Self::Active, Self::None, Self::Unknown];

    /// The values of the two headers.
    pub fn of_headers(storage_access: Option<&str>, site: Option<&str>) -> Self {
        match (storage_access, site) {
            (Some("active"), _) => Self::Active,
            (Some(_), _) => Self::None,
            // Browsers leave the first one off where cookies are first-party ones.
            (None, Some("same-origin" | "same-site" | "none")) => Self::Active,
            (None, _) => Self::Unknown,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }

    /// Within a signed state.
    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_say_whether_cookies_are_shared() {
        for (access, site, expect) in [
            (Some("active"), Some("cross-site"), StorageAccess::Active),
            (Some("none"), Some("cross-site"), StorageAccess::None),
            (Some("inactive"), Some("cross-site"), StorageAccess::None),
            (Some("?"), None, StorageAccess::None),
            (None, Some("same-origin"), StorageAccess::Active),
            (None, Some("same-site"), StorageAccess::Active),
            (None, Some("none"), StorageAccess::Active),
            (None, Some("cross-site"), StorageAccess::Unknown),
            (None, None, StorageAccess::Unknown),
        ] {
            assert_eq!(StorageAccess::of_headers(access, site), expect, "{access:?} {site:?}");
        }
        for access in StorageAccess::ALL {
            assert_eq!(StorageAccess::from_code(access.code()), Some(access));
        }
    }
}
