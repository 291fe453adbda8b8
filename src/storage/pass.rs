//! One way through the files, oldest first, to take out of them what is to go.
//!
//! All that an erasure is about stands before it in the log. So when the file that it is in has its turn, there is
//! nothing left of its subject in any earlier file, and the same copy that takes the rest out says that it is done.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::Path;

use super::active::Previous;
use super::chain::{Chain, Link};
use super::disk::Disk;
use super::rewrite::{Erased, Going, Left, Times, rewrite};

/// The files that are to be looked through, and how far that has come.
pub(super) struct Pass {
    pub(super) going: Going,
    /// The last erasure that is done by this; 0 if none is.
    pub(super) through: u64,
    /// Their numbers. Nothing is added to any of them any more.
    files: HashSet<u64>,
    /// Those that are left, once they have been found.
    links: Option<VecDeque<(Link, Previous)>>,
    erased: Erased,
    /// How many rows each erasure took out, by its sequence number.
    pub(super) done: HashMap<u64, u64>,
}

/// What the writer is told.
pub(super) enum Report {
    Looked { number: u64, oldest_at_ms: Times },
    Finished(Box<Pass>),
    Failed(io::Error),
}

impl Pass {
    pub(super) fn new(going: Going, through: u64, files: HashSet<u64>) -> Self {
        Self { going, through, files, links: None, erased: Erased::new(), done: HashMap::new() }
    }

    /// Looks through the next file; `None` after the last.
    pub(super) fn step(&mut self, disk: &dyn Disk, dir: &Path) -> io::Result<Option<(u64, Left)>> {
        let links = match &mut self.links {
            Some(links) => links,
            None => self.links.insert(find(disk, dir, &self.files)?),
        };
        while let Some((link, previous)) = links.pop_front() {
            let mut left = match rewrite(disk, dir, (&link, previous), &self.going, &self.erased) {
                // It went for its age meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                left => left?,
            };
            for (subject, rows) in left.erased.drain() {
                *self.erased.entry(subject).or_default() += rows;
            }
            self.done.extend(left.done.drain());
            return Ok(Some((link.header.number, left)));
        }
        Ok(None)
    }
}

fn find(disk: &dyn Disk, dir: &Path, files: &HashSet<u64>) -> io::Result<VecDeque<(Link, Previous)>> {
    let chain = Chain::read(disk, dir).map_err(io::Error::other)?;
    let before = std::iter::once(Previous::default()).chain(chain.links.iter().map(|link| Previous {
        number: link.header.number,
        end: link.end,
        durable: link.durable,
    }));
    let links = chain.links.iter().cloned().zip(before);
    Ok(links.filter(|(link, _)| files.contains(&link.header.number)).collect())
}
