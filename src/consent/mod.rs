//! May we? The only place where that is decided, and the trusted base of the whole server.
//!
//! Pure and std only: the same signals, policy, opt-outs and time give the same answer. Nothing in here reads a
//! clock, opens a file, or names another crate, so that the programs in `tests/ui` can include these very
//! sources beside an attacker.

pub mod activity;
pub mod adchoices;
pub mod bits;
pub mod evidence;
pub mod facts;
pub mod gate;
pub mod gpp;
pub mod heard;
pub mod need;
pub mod policy;
pub mod prefs;
pub mod refusal;
pub mod regulated;
pub mod rule;
pub mod signals;
pub mod tcf;
pub mod us_privacy;
