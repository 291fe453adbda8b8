//! What an operator registers while the server runs, beside what the configuration file has: shown, put, taken away.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};

use super::caller::Caller;

/// All things of one kind. A change counts from the next request on, whoever serves it. None of these waits for the disk on
/// the thread that asks, and a change that has begun is made even if nobody waits for its end.
pub trait Registrations<Id, View>: Send + Sync {
    /// In the order of the configuration file, then in that in which they were registered.
    fn list(&self, caller: &Caller) -> Asked<Vec<View>>;

    /// Registers one, or puts `fields` in the place of all that was said of it. Returns once that is on the disk.
    fn put(&self, caller: &Caller, id: Id, fields: Map<String, Value>) -> Asked<Put<View>>;

    /// Returns once it is gone from the disk.
    fn delete(&self, caller: &Caller, id: Id) -> Asked<()>;
}

pub type Asked<T> = Pin<Box<dyn Future<Output = Result<T, Unchanged>> + Send>>;

/// What became of one that was put.
#[derive(Debug, Clone)]
pub struct Put<View> {
    pub is_new: bool,
    pub view: View,
}

/// Why everything is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unchanged {
    /// Every mistake of what was put.
    Mistaken(Vec<String>),
    /// It does not go together with the configuration file or with what else is registered.
    Conflict(String),
    Unknown,
    /// What is kept could not be read or written. After a failure in writing a restart may find the change all the same.
    Unavailable(String),
}
