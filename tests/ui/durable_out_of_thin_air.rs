//@ error: E0277
//! "Stored" by default, by conversion, or twice.

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
    use crate::storage::durable::{AckClass, Durable};

    fn two<T: Clone>(one: &T) -> (T, T) {
        (one.clone(), one.clone())
    }

    pub fn default() -> Durable {
        Default::default() //~
    }

    pub fn take(durable: &mut Durable) -> Durable {
        std::mem::take(durable) //~
    }

    pub fn from_class() -> Durable {
        AckClass::Disk.into() //~
    }

    pub fn twice(durable: &Durable) -> (Durable, Durable) {
        two(durable) //~
    }
}
