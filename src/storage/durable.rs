//! The proof that an entry is as safe as its class promises.

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

/// An entry is in the log, as safe as `ack` says. Only the log's writer makes it, after the write or the sync that
/// the class asks for; an answer that says "stored" needs one.
#[derive(Debug, PartialEq, Eq)]
pub struct Durable {
    ack: AckClass,
}

impl Durable {
    pub const fn ack(&self) -> AckClass {
        self.ack
    }
}
