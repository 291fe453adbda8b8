//@ error: E0451
//! "Stored" without having stored anything.

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

    pub fn forge() -> Durable {
        Durable { ack: AckClass::Disk } //~
    }

    pub fn stronger(durable: Durable) -> Durable {
        Durable { ack: AckClass::Disk, ..durable } //~
    }
}
