//! Do it: one use case a file, without a word of HTTP.
//!
//! Nothing in here names a header, a status or a socket.

pub mod account_settings;
pub mod caller;
pub mod clock;
pub mod crawler;
pub mod crypto;
pub mod deletion;
pub mod deletion_claims;
pub mod deletion_request;
pub mod deletion_terms;
pub mod dev;
pub mod embed;
pub mod erasure;
pub mod explain;
pub mod geo;
pub mod hit;
pub mod identity;
pub mod journal;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod live;
pub mod match_frame;
pub mod match_list;
pub mod match_metrics;
pub mod match_state;
pub mod matching;
pub mod metrics;
pub mod operation;
pub mod opt_out;
pub mod opt_out_list;
pub mod outcome;
pub mod partner_registry;
pub mod partners;
pub mod pixel;
pub mod prebid;
pub mod privacy;
pub mod receipt;
pub mod storage_access;
pub mod subject;
pub mod tracking_status;
pub mod vendor_list;
