//! What Pixelgate talks about: accounts, pixels, ads, conversions, opt-outs, erasures, money, time.
//!
//! Nothing in here does I/O, awaits, reads a clock, or names a crate outside std.

pub mod attribution;
pub mod conversion;
pub mod embed_view;
pub mod erasure;
pub mod event;
pub mod id;
pub mod link;
pub mod matching;
pub mod money;
pub mod opt_out;
pub mod page;
pub mod partner;
pub mod personal;
pub mod policy;
pub mod policy_terms;
pub mod settings;
pub mod targeting;
pub mod template;
pub mod time;
pub mod touch;
