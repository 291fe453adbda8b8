//@ error: E0277
//! A kind of personal data with rules of its own making.

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
    use crate::consent::activity::Activity;
    use crate::consent::regulated::Regulated;
    use crate::domain::opt_out::Subjects;

    pub struct Unruly;

    impl Regulated for Unruly { //~
        fn activity(&self) -> Activity {
            Activity::Measure
        }

        fn subjects(&self) -> Subjects {
            [None; 3]
        }

        fn forget_identifiers(&mut self) -> bool {
            true
        }
    }
}
