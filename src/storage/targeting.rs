//! Whom partners' targeting user files name, kept from one delivery to the next: a file for each partner beside the log.
//!
//! Nobody is in there whom the match table does not have as [`Targetable`], so who opts out, is erased, or takes consent
//! back is in no answer from then on, and in no file after the next sweep. The partner's ids are there as digests.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::document;
use super::match_table::{MatchTable, Targetable};
use crate::domain::id::{AccountId, BrowserId, HashedPartnerUserId, PartnerId};
use crate::domain::time::Timestamp;

/// One delivery, as far as we may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetingList {
    pub taken_at: Timestamp,
    pub expires_at: Timestamp,
    /// Of a file that was fetched: the day in its name, in days since 1970.
    pub day: Option<u32>,
    audiences: Vec<(AccountId, Option<Box<str>>)>,
    /// By person, then by audience; each once.
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    who: HashedPartnerUserId,
    /// Its place among the audiences.
    audience: u32,
    score: Option<u8>,
}

/// Of an audience of an advertiser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub account_id: AccountId,
    /// `None`: of all whom the partner has for the advertiser.
    pub audience: Option<Box<str>>,
    /// From 0 to 100.
    pub score: Option<u8>,
}

/// A list in the making.
#[derive(Debug, Default)]
pub struct ListBuilder {
    audiences: Vec<(AccountId, Option<Box<str>>)>,
    audience_at: HashMap<(AccountId, Option<Box<str>>), u32>,
    rows: Vec<Row>,
}

/// There are [`ROWS_MAX`] rows, or [`AUDIENCES_MAX`] audiences.
#[derive(Debug, PartialEq, Eq)]
pub struct ListFull;

impl ListBuilder {
    pub fn add(
        &mut self,
        who: &Targetable,
        account_id: AccountId,
        audience: Option<&str>,
        score: Option<u8>,
    ) -> Result<(), ListFull> {
        if self.rows.len() >= ROWS_MAX {
            return Err(ListFull);
        }
        let audience = self.audience(account_id, audience)?;
        self.rows.push(Row { who: who.hashed(), audience, score });
        Ok(())
    }

    fn audience(&mut self, account_id: AccountId, name: Option<&str>) -> Result<u32, ListFull> {
        let key = (account_id, name.map(Box::from));
        if let Some(&at) = self.audience_at.get(&key) {
            return Ok(at);
        }
        let at = u32::try_from(self.audiences.len()).ok().filter(|at| *at < AUDIENCES_MAX).ok_or(ListFull)?;
        self.audiences.push(key.clone());
        self.audience_at.insert(key, at);
        Ok(at)
    }

    /// Of rows of one person in one audience the first counts. Says how many others there were, too.
    pub fn finish(
        mut self,
        taken_at: Timestamp,
        expires_at: Timestamp,
        day: Option<u32>,
    ) -> (TargetingList, u64) {
        let all = self.rows.len();
        // Stable, so that the first stays the first.
        self.rows.sort_by_key(|row| (row.who.bytes(), row.audience));
        self.rows.dedup_by_key(|row| (row.who, row.audience));
        let repeated = (all - self.rows.len()) as u64;
        let Self { audiences, rows, .. } = self;
        (TargetingList { taken_at, expires_at, day, audiences, rows }, repeated)
    }
}

impl TargetingList {
    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many people are in each audience, in the order of the delivery.
    pub fn sizes(&self) -> Vec<(AccountId, Option<&str>, usize)> {
        let mut counts = vec![0; self.audiences.len()];
        for row in &self.rows {
            counts[row.audience as usize] += 1;
        }
        let named = self.audiences.iter().zip(counts);
        named.map(|((account_id, name), count)| (*account_id, name.as_deref(), count)).collect()
    }

    fn of(&self, who: &Targetable) -> impl Iterator<Item = Membership> {
        let from = self.rows.partition_point(|row| row.who.bytes() < who.hashed().bytes());
        let hashed = who.hashed();
        self.rows[from..].iter().take_while(move |row| row.who == hashed).map(|row| {
            let (account_id, audience) = self.audiences[row.audience as usize].clone();
            Membership { account_id, audience, score: row.score }
        })
    }

    /// Without those who are not to be targeted any more; `None` where there are none.
    fn swept(&self, partner_id: PartnerId, table: &MatchTable) -> Option<Self> {
        let stays = |row: &&Row| table.find_targetable(partner_id, row.who).is_some();
        let rows: Vec<_> = self.rows.iter().filter(stays).copied().collect();
        (rows.len() < self.rows.len()).then(|| Self { rows, ..self.clone() })
    }

    fn encode(&self) -> Vec<u8> {
        let head = StoredHead {
            taken_at_ms: self.taken_at.0,
            expires_at_ms: self.expires_at.0,
            day: self.day,
            audiences: self.audiences.iter().map(|(id, name)| (id.number(), name.clone())).collect(),
            rows: self.rows.len() as u64,
        };
        let mut bytes = MAGIC.to_vec();
        bytes = postcard::to_extend(&head, bytes).expect("memory takes all that is written");
        bytes.reserve(self.rows.len() * ROW_BYTES + 4);
        for row in &self.rows {
            bytes.extend_from_slice(&row.who.bytes());
            bytes.extend_from_slice(&row.audience.to_le_bytes());
            bytes.push(row.score.unwrap_or(NO_SCORE));
        }
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// `None` of what [`Self::encode`] did not write.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let (head, rows) = postcard::take_from_bytes::<StoredHead>(body.strip_prefix(&MAGIC)?).ok()?;
        let whole = crc32c::crc32c(body) == u32::from_le_bytes(*sum);
        let fits = rows.len() as u64 == head.rows.checked_mul(ROW_BYTES as u64)?;
        let rows: Option<Vec<_>> = rows.chunks_exact(ROW_BYTES).map(Row::decode).collect();
        let rows = rows.filter(|rows| rows.iter().all(|row| (row.audience as usize) < head.audiences.len()));
        let audiences = head.audiences.into_iter().map(|(id, name)| (AccountId::from_number(id), name));
        Some(Self {
            taken_at: Timestamp(head.taken_at_ms),
            expires_at: Timestamp(head.expires_at_ms),
            day: head.day,
            audiences: audiences.collect(),
            rows: rows.filter(|_| whole && fits)?,
        })
    }
}

impl Row {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (who, rest) = bytes.split_first_chunk::<32>()?;
        let (audience, score) = rest.split_first_chunk::<4>()?;
        Some(Self {
            who: HashedPartnerUserId::from_bytes(*who),
            audience: u32::from_le_bytes(*audience),
            score: score.first().copied().filter(|score| *score != NO_SCORE),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredHead {
    taken_at_ms: u64,
    expires_at_ms: u64,
    day: Option<u32>,
    audiences: Vec<(u64, Option<Box<str>>)>,
    rows: u64,
}

/// With the version of the layout.
const MAGIC: [u8; 5] = *b"PGTL\x01";
const ROW_BYTES: usize = 32 + 4 + 1;
const NO_SCORE: u8 = u8::MAX;
/// 160 MB in memory, and 148 on the disk.
pub const ROWS_MAX: usize = 4_000_000;
pub const AUDIENCES_MAX: u32 = 100_000;
const LIST_BYTES_MAX: usize = 512 << 20;

/// The lists in force. Read by any thread; one at a time changes them.
pub struct TargetingStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    table: Arc<MatchTable>,
    lists: RwLock<BTreeMap<PartnerId, Arc<TargetingList>>>,
}

impl TargetingStore {
    /// With what is kept in `dir`, the log's directory. A file that cannot be read is deleted: nobody could be erased from it.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, table: Arc<MatchTable>) -> io::Result<Self> {
        let mut lists = BTreeMap::new();
        for name in disk.list(dir)? {
            let Some(partner_id) = partner_of(&name) else { continue };
            let path = dir.join(&name);
            match document::read_up_to(&*disk, &path, LIST_BYTES_MAX)?.as_deref().map(TargetingList::decode) {
                None => {}
                Some(Some(list)) => {
                    lists.insert(partner_id, Arc::new(list));
                }
                Some(None) => {
                    tracing::error!(partner.id = %partner_id, "a broken targeting list is deleted; have it delivered again");
                    disk.unlink(&path)?;
                }
            }
        }
        Ok(Self { disk, dir: dir.to_owned(), table, lists: RwLock::new(lists) })
    }

    pub fn table(&self) -> &MatchTable {
        &self.table
    }

    /// The list in force, which may hold some who are to be swept out.
    pub fn get(&self, partner_id: PartnerId) -> Option<Arc<TargetingList>> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner).get(&partner_id).cloned()
    }

    /// Whose lists are in force.
    pub fn partners(&self) -> Vec<PartnerId> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// The audiences that partners have put a browser into at `now`, by partner.
    pub fn about(&self, browser_id: BrowserId, now: Timestamp) -> Vec<(PartnerId, Membership)> {
        let mut found = Vec::new();
        for matched in self.table.of_browser(browser_id) {
            let list = self.get(matched.partner_id).filter(|list| list.expires_at > now);
            let hash = super::digest::sha256(matched.partner_user_id.as_bytes());
            let who = self.table.find_targetable(matched.partner_id, HashedPartnerUserId::from_bytes(hash));
            if let (Some(list), Some(who)) = (list, who) {
                found.extend(list.of(&who).map(|membership| (matched.partner_id, membership)));
            }
        }
        found
    }

    /// Puts `list` in the place of the one before. Returns once it is on the disk. After an error the one before is in force.
    pub fn put(&self, partner_id: PartnerId, mut list: TargetingList) -> io::Result<Arc<TargetingList>> {
        loop {
            document::replace(&*self.disk, &self.path(partner_id), &list.encode())?;
            // Who has opted out while it was on its way is not in what stays.
            match list.swept(partner_id, &self.table) {
                Some(swept) => list = swept,
                None => break,
            }
        }
        let list = Arc::new(list);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.insert(partner_id, Arc::clone(&list));
        Ok(list)
    }

    /// Says whether there was one.
    pub fn remove(&self, partner_id: PartnerId) -> io::Result<bool> {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        let was_there = lists.remove(&partner_id).is_some();
        drop(lists);
        if was_there {
            self.unlink(partner_id)?;
        }
        Ok(was_there)
    }

    /// Takes out what has expired, and who is not to be targeted any more. Says how many rows those were.
    pub fn sweep(&self, now: Timestamp) -> io::Result<usize> {
        let mut gone = 0;
        for partner_id in self.partners() {
            let Some(list) = self.get(partner_id) else { continue };
            if list.expires_at <= now {
                self.remove(partner_id)?;
                gone += list.len();
            } else if let Some(swept) = list.swept(partner_id, &self.table) {
                gone += list.len() - swept.len();
                self.replace_with_less(partner_id, swept)?;
            }
        }
        Ok(gone)
    }

    /// Rather without a list after the next start than with somebody who is gone: a full disk has no room for a new file.
    fn replace_with_less(&self, partner_id: PartnerId, swept: TargetingList) -> io::Result<()> {
        match self.put(partner_id, swept.clone()) {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(partner.id = %partner_id, %error, "a targeting list is in memory only");
                self.lists
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(partner_id, Arc::new(swept));
                self.unlink(partner_id)
            }
        }
    }

    fn unlink(&self, partner_id: PartnerId) -> io::Result<()> {
        match self.disk.unlink(&self.path(partner_id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.disk.sync_dir(&self.dir),
        }
    }

    fn path(&self, partner_id: PartnerId) -> PathBuf {
        self.dir.join(format!("{NAME_START}{}{NAME_END}", partner_id.number()))
    }
}

fn partner_of(name: &str) -> Option<PartnerId> {
    let number = name.strip_prefix(NAME_START)?.strip_suffix(NAME_END)?;
    number.parse().ok().map(PartnerId::from_number)
}

const NAME_START: &str = "targeting-";
const NAME_END: &str = ".list";
