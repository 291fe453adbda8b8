//@ error: E0277
//! An authenticated caller that nobody authenticated, or two out of one.

#[path = "../../src/service"]
mod service {
    pub mod caller;
}

mod attacker {
    use crate::service::caller::Caller;

    fn two<T: Clone>(one: &T) -> (T, T) {
        (one.clone(), one.clone())
    }

    pub fn default() -> Caller {
        Default::default() //~
    }

    pub fn from_a_token(token: &str) -> Caller {
        token.into() //~
    }

    pub fn twice(caller: &Caller) -> (Caller, Caller) {
        two(caller) //~
    }
}
