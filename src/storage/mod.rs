//! Keep it: the append-only log and what is derived from it.
//!
//! Nothing outside this module opens a file of the data directory, and nothing is written to one but an
//! [`entry::Entry`].
//!
//! An entry's way: [`worker`] (what one thread took in while it went through its ready connections, and through those
//! that became ready meanwhile, becomes a batch) -> `queue` (bounded; one lock and at most one wake a batch) -> `writer` (one thread; re-checks opt-outs in log
//! order, drops duplicates, collects a `group`) -> `commit` (one write, one sync if anyone asked for it, then the
//! answers, with one wake a batch) -> `active`, the current file. The `housekeeper` makes files ready ahead of that,
//! and the `pool` keeps them.
//!
//! The way back: `file` (a header twice, then frames) -> `frame` -> `scan` (frames, and what is broken between them) ->
//! `chain` (which files count, and how far) -> [`reader`], [`verify`] and [`recovery`], which see the same.
//!
//! Three things make recovery simple:
//! * Every frame says how many bytes of its file were on the disk when it was written. What is broken below that is
//!   damage, and the log refuses to open; what is broken above it is a cut of power, and only costs what nobody was
//!   promised.
//! * Every file begins with a frame that says where the file before it ends. What a failed write left behind that end
//!   never counts, so a group can be written again elsewhere under the same numbers.
//! * Files are numbered, emptied, synced and named before they are needed, so that changing files is one more frame,
//!   and no rename or sync of a directory is ever between an entry and its acknowledgement.
//!
//! Rows go out of the log where somebody had them erased, and where they are past their kind's time. `sweep` says when,
//! a `pass` goes through the closed files, oldest first, and `rewrite` copies each without what is to go; the copy takes
//! the file's name once it is whole and on the disk. It is shorter, and says itself where it ends, so that no frame is
//! left that tells of what was there. What an [`erasure`](crate::domain::erasure) is about stands before it in the log,
//! so the copy that has no more of it also says that the erasure is done, and names nobody from then on. A cut of power
//! in between leaves each file as it was or as it is to be, and the next start goes on.
//!
//! A conversion whose credit rests on somebody who is to go stays, without the credit.
//!
//! In memory are left: keys of events, which are hashes under a key that the process forgets, and the opt-outs of the
//! erased, as digests; these are in the log too.
//!
//! Indexes (`dedup`, made of many a `shard`, `touches` with its `sightings`, [`opt_outs`] and [`erasures`]) are in memory alone, and a replay of the log makes them.

pub mod account_settings;
mod active;
mod chain;
mod commit;
mod dedup;
pub mod digest;
pub mod disk;
pub mod document;
pub mod durable;
pub mod entry;
pub mod erasures;
pub mod export;
pub mod export_columns;
mod export_csv;
#[cfg(feature = "parquet")]
mod export_parquet;
#[cfg(feature = "parquet")]
mod export_part;
mod file;
mod frame;
mod group;
mod housekeeper;
pub mod log;
mod match_rows;
pub mod match_table;
pub mod metrics;
pub mod opt_outs;
pub mod options;
mod pass;
mod pool;
mod queue;
pub mod reader;
pub mod real_disk;
pub mod recompute;
mod record;
mod record_credit;
mod record_embed;
mod record_erasure;
mod record_match;
mod record_settings;
mod record_touch;
pub mod recovery;
mod rewrite;
mod scan;
mod shard;
mod sightings;
mod sweep;
mod take_match;
mod take_settings;
mod take_touch;
pub mod tally;
pub mod tally_book;
pub mod targeting;
mod touches;
mod upkeep;
pub mod verify;
pub mod worker;
mod writer;
