//@ error: E0616
//! A weak acknowledgement made a strong one.

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

    pub fn stronger(durable: &mut Durable) {
        durable.ack = AckClass::Disk; //~
    }
}
