//@ error: E0382
//! One permit for two entries.

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
    use crate::domain::conversion::Conversion;
    use crate::storage::entry::Entry;

    pub fn twice(permit: Permitted<Conversion>) -> [Entry; 2] {
        [Entry::Conversion(permit), Entry::Conversion(permit)] //~
    }
}
