//! The proof that an entry is as safe as its class promises.

use std::io;

/// How far an entry has come before its sender is told that it is stored. From weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AckClass {
    /// Accepted in a bounded queue; survives nothing.
    Memory,
    /// Handed to the operating system; survives the end of the process.
    Os,
    /// On the disk; survives the loss of power.
    Disk,
}

impl AckClass {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Os, Self::Disk];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Os => "os",
            Self::Disk => "disk",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// An entry is in the log, as safe as `ack` says; an answer that says "stored" needs one.
///
/// There is no constructor: it comes out of the write or the sync itself, so that nothing can have one without having
/// done that. Only the log's writer does.
#[derive(Debug, PartialEq, Eq)]
pub struct Durable {
    ack: AckClass,
}

impl Durable {
    pub const fn ack(&self) -> AckClass {
        self.ack
    }

    /// What putting an entry in the bounded queue proves.
    pub(super) fn by_queueing<T>(queue: &mut Vec<T>, entry: T) -> Self {
        queue.push(entry);
        Self { ack: AckClass::Memory }
    }

    /// What handing a group to the operating system proves.
    pub(super) fn by_writing(write: impl FnOnce() -> io::Result<()>) -> io::Result<Self> {
        write().map(|()| Self { ack: AckClass::Os })
    }

    /// What a sync after the write proves.
    pub(super) fn by_syncing(_written: &Self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<Self> {
        sync().map(|()| Self { ack: AckClass::Disk })
    }

    /// The same proof for one more entry of the group.
    pub(super) const fn for_another(&self) -> Self {
        Self { ack: self.ack }
    }
}
