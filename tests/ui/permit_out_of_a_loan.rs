//@ error: E0507
//! A permit moved out of a place that only lends it.

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

    pub fn again(permit: &Permitted<Conversion>) -> Entry {
        Entry::Conversion(*permit) //~
    }

    pub fn out_of_an_entry(entry: &Entry) -> Option<Entry> {
        match *entry { //~
            Entry::Conversion(permit) => Some(Entry::Conversion(permit)),
            _ => None,
        }
    }
}
