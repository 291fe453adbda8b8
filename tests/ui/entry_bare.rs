//@ error: E0308
//! A value that nobody permitted, stored.

#[path = "../../src/consent/mod.rs"]
mod consent;
#[path = "../../src/domain/mod.rs"]
mod domain;
#[path = "../../src/storage"]
mod storage {
    pub mod durable;
    pub mod entry;
}

mod attacker {
    use crate::consent::gate::Permitted;
    use crate::consent::regulated::BrowserCookie;
    use crate::domain::conversion::Conversion;
    use crate::domain::id::BrowserId;
    use crate::storage::entry::Entry;

    pub fn bare(conversion: Conversion) -> Entry {
        Entry::Conversion(conversion) //~
    }

    pub fn identifier(id: BrowserId) -> Entry {
        Entry::Conversion(id) //~
    }

    pub fn permitted_for_something_else(permit: Permitted<BrowserCookie>) -> Entry {
        Entry::Conversion(permit) //~
    }

    pub fn out_of_a_permit(permit: &Permitted<Conversion>) -> Entry {
        Entry::Conversion(permit.value().clone()) //~
    }
}
