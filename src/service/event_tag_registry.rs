//! The event tags of a running server as their advertiser manages them: shown, made, changed, taken away.

use std::future::Future;
use std::pin::Pin;

use super::account_caller::AccountCaller;
use super::api_error::ApiErrors;
use crate::domain::attribution::Windows;
use crate::domain::event::EventType;
use crate::domain::id::{AccountId, EventTagId, PixelId};
use crate::domain::policy::Category;
use crate::domain::time::Timestamp;

/// Every tag of the caller's account, and of no other. A change counts from the next request on, whoever serves it. None of
/// these waits for the disk on the thread that asks, and a change that has begun is made even if nobody waits for its end.
pub trait EventTagRegistry: Send + Sync {
    /// Also those that were deleted, in the order in which they were made; those of the configuration come first.
    fn list(&self, caller: &AccountCaller) -> Asked<Vec<ManagedTag>>;

    /// Returns once it is on the disk.
    fn create(&self, caller: &AccountCaller, wanted: NewTag) -> Asked<ManagedTag>;

    fn update(&self, caller: &AccountCaller, id: EventTagId, changes: TagChanges) -> Asked<ManagedTag>;

    /// It stays in the list, and its hits are unknown from then on.
    fn delete(&self, caller: &AccountCaller, id: EventTagId) -> Asked<ManagedTag>;
}

pub type Asked<T> = Pin<Box<dyn Future<Output = Result<T, TagUnchanged>> + Send>>;

/// Why everything is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagUnchanged {
    Refused(ApiErrors),
    /// It is in the configuration file, and is changed there.
    Configured,
    /// The account has no such tag.
    Unknown,
    /// What is kept could not be read or written. After a failure in writing a restart may find the change all the same.
    Unavailable(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedTag {
    pub id: EventTagId,
    pub account_id: AccountId,
    pub pixel_id: PixelId,
    pub name: String,
    pub event: EventType,
    pub windows: Windows,
    pub retargeting_enabled: bool,
    /// What it is based on, as its advertiser declares.
    pub categories: Vec<Category>,
    pub deleted: bool,
    /// `None` for those of the configuration, which does not say.
    pub created_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// `None`: the account's first.
    pub pixel_id: Option<PixelId>,
    pub name: String,
    pub event: EventType,
    pub windows: Windows,
    pub retargeting_enabled: bool,
    pub categories: Vec<Category>,
}

/// What is to be otherwise; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagChanges {
    pub name: Option<String>,
    pub click_days: Option<u8>,
    pub view_days: Option<u8>,
    pub retargeting_enabled: Option<bool>,
    pub categories: Option<Vec<Category>>,
}
