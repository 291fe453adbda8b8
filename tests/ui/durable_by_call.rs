//@ error: E0624
//! "Stored" by calling what only the log's writer calls.

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
    use crate::storage::durable::Durable;

    pub fn without_a_queue(entries: &mut Vec<u8>) -> Durable {
        Durable::by_queueing(entries, 0) //~
    }

    pub fn without_a_write() -> std::io::Result<Durable> {
        Durable::by_writing(|| Ok(())) //~
    }

    pub fn without_a_sync(written: &Durable) -> std::io::Result<Durable> {
        Durable::by_syncing(written, || Ok(())) //~
    }
}
