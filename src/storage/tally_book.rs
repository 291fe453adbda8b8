//! The counted rows of a whole log, kept up with it.
//!
//! Goes through the files as any reader does, so that counting takes nothing from those who append. Each file is counted
//! for itself: one that was written again without somebody is counted again, and one that went for its age is forgotten.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::chain::{Chain, Link};
use super::disk::Disk;
use super::erasures::{Doomed, Erasures};
use super::file::{self, Header};
use super::reader::{self, ReadError};
use super::scan::{Cursor, Piece};
use super::tally::{self, Tallies, TallyKey};

/// Memory only: a start counts anew.
pub struct TallyBook {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    erasures: Arc<Erasures>,
    /// By number.
    files: HashMap<u64, Counted>,
}

/// What one file has, as far as it was looked through.
struct Counted {
    header: Header,
    cursor: Cursor,
    /// Nothing comes any more.
    is_over: bool,
    /// Bytes of it could not be read.
    is_damaged: bool,
    tallies: Tallies,
    /// Whoever was to be erased by a request up to this sequence number is left out.
    respects: u64,
}

impl TallyBook {
    /// Of the log in `dir`, whose requests for erasure are in `erasures`; nothing is counted yet.
    pub fn new(disk: Arc<dyn Disk>, dir: PathBuf, erasures: Arc<Erasures>) -> Self {
        Self { disk, dir, erasures, files: HashMap::new() }
    }

    /// Counts what the log has got since the last time. Begins no further file after `until`; says how many are left that
    /// were never counted.
    ///
    /// A pending erasure is respected as soon as there is time to count the files again, and at the latest when its rows
    /// are out of them.
    pub fn catch_up(&mut self, until: Instant) -> Result<usize, ReadError> {
        // Before the files: an erasure that is over by then has taken its rows out of them.
        let doomed = self.erasures.doomed();
        let chain = Chain::read(&*self.disk, &self.dir);
        let mut links = chain.map_err(|error| ReadError::of_chain(&self.dir, error))?.links;
        self.files.retain(|number, _| links.iter().any(|link| link.header.number == *number));
        let Some(last) = links.pop() else { return Ok(0) };
        self.count(&last, IsLast(true), &doomed)?;
        // Twice: first what was never counted, for which somebody may be waiting.
        for only_new in [true, false] {
            for (at, link) in links.iter().enumerate().rev() {
                if only_new && self.has(link) {
                    continue;
                }
                if Instant::now() >= until {
                    return Ok(links[..=at].iter().filter(|link| !self.has(link)).count());
                }
                self.count(link, IsLast(false), &doomed)?;
            }
        }
        Ok(0)
    }

    /// What is counted of all rows that `wanted` wants.
    pub fn sum(&self, wanted: impl Fn(&TallyKey) -> bool) -> Tallies {
        let mut sums = Tallies::new();
        let all = self.files.values().flat_map(|file| &file.tallies);
        for (key, tally) in all.filter(|(key, _)| wanted(key)) {
            sums.entry(key.clone()).or_default().merge(tally);
        }
        sums
    }

    /// Whether a part of the log could not be read.
    pub fn is_damaged(&self) -> bool {
        self.files.values().any(|file| file.is_damaged)
    }

    /// Whether all of `link` is counted, whoever was to be erased since.
    fn has(&self, link: &Link) -> bool {
        let counted = self.files.get(&link.header.number);
        counted.is_some_and(|counted| counted.is_over && counted.header == link.header)
    }

    /// Counts what is new in one file, or all of it if it is not the same as before.
    fn count(&mut self, link: &Link, is_last: IsLast, doomed: &Doomed) -> Result<(), ReadError> {
        let number = link.header.number;
        // Those behind it are about rows in it.
        let respects = doomed.values().copied().filter(|at| *at > link.sequence).max().unwrap_or_default();
        let known = self.files.remove(&number).filter(|known| {
            // Behind its end is what a failed write has left; the same was written again elsewhere.
            known.header == link.header && known.respects >= respects && known.cursor.at() <= link.end
        });
        let counted = match known {
            Some(known) if known.is_over => Some(known),
            known => self.read_on(link, known, is_last, doomed).map_err(|source| {
                let dir = self.dir.clone();
                ReadError::Io { dir, source }
            })?,
        };
        let counted = counted.map(|counted| Counted { respects: counted.respects.max(respects), ..counted });
        self.files.extend(counted.map(|counted| (number, counted)));
        Ok(())
    }

    /// `None`: it went for its age since we looked.
    fn read_on(
        &self,
        link: &Link,
        known: Option<Counted>,
        is_last: IsLast,
        doomed: &Doomed,
    ) -> io::Result<Option<Counted>> {
        let mut bytes = match file::load(&*self.disk, &self.dir, link.header.number, link.end) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        // It may have been written again since we looked.
        let header = Header::decode(&bytes).unwrap_or(link.header);
        bytes.truncate(header.end.map_or(bytes.len(), |end| end as usize));
        let known = known.filter(|known| known.header == header);
        let mut counted = known.unwrap_or_else(|| Counted::new(header));
        counted.read_on(&bytes, is_last, doomed);
        Ok(Some(counted))
    }
}

impl Counted {
    fn new(header: Header) -> Self {
        Self {
            header,
            cursor: Cursor::new(),
            is_over: false,
            is_damaged: false,
            tallies: Tallies::new(),
            respects: 0,
        }
    }

    fn read_on(&mut self, bytes: &[u8], IsLast(is_last): IsLast, doomed: &Doomed) {
        loop {
            let here = self.cursor;
            match self.cursor.next(bytes, self.header) {
                // Zeros, or what is just being written.
                None | Some(Piece::Gap(_) | Piece::Torn(_)) if is_last => {
                    self.cursor = here;
                    return;
                }
                None => break,
                Some(Piece::Frame(_, frame)) if reader::is_doomed(&frame, doomed) => {}
                Some(Piece::Frame(_, frame)) => match reader::decode(&frame) {
                    Some(Some(stored)) => {
                        tally::count(&mut self.tallies, &stored.without_credit_to(doomed));
                    }
                    Some(None) => {}
                    None => self.is_damaged = true,
                },
                Some(Piece::Gap(_) | Piece::Torn(_)) => self.is_damaged = true,
            }
        }
        self.is_over = true;
    }
}

/// Whether a file is the one that is being written.
#[derive(Clone, Copy)]
struct IsLast(bool);
