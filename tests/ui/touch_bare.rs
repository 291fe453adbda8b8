//@ error: E0308
//! An ad touch that nobody permitted, stored.

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
    use crate::domain::touch::Touch;
    use crate::storage::entry::Entry;

    pub fn bare(touch: Touch) -> Entry {
        Entry::Touch(touch) //~
    }

    pub fn permitted_for_something_else(permit: Permitted<Conversion>) -> Entry {
        Entry::Touch(permit) //~
    }
}
