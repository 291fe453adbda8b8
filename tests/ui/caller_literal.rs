//@ error: E0451
//! An authenticated caller written down as a literal.

#[path = "../../src/service"]
mod service {
    pub mod caller;
}

mod attacker {
    use crate::service::caller::Caller;

    pub fn forge() -> Caller {
        Caller { _authenticated: () } //~
    }
}
