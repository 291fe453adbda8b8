//@ error: E0308
//! A match that nobody permitted, stored.

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
    use crate::domain::matching::{Introduction, PartnerMatch};
    use crate::storage::entry::Entry;

    pub fn bare(found: PartnerMatch) -> Entry {
        Entry::Match(found) //~
    }

    pub fn permitted_for_something_else(permit: Permitted<Introduction>) -> Entry {
        Entry::Match(permit) //~
    }
}
