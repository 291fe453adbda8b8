//! What is wrong with a configuration: where, what, and what would be right.

use std::fmt;
use std::path::PathBuf;

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Dotted, with the position in arrays from 1: `accounts[1].pixels[2].id`. Empty for the file as a whole.
    pub key: String,
    pub what: String,
    /// What would be right.
    pub fix: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.fix)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {path}", path = .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Every mistake of the file, in the order of their places.
    #[error("{}", Listing { path, mistakes })]
    Mistaken { path: PathBuf, mistakes: Vec<Mistake> },
}

/// One mistake a line, in the form in which compilers report: `file:line:column: …`.
struct Listing<'a> {
    path: &'a PathBuf,
    mistakes: &'a [Mistake],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in self.mistakes {
            writeln!(f, "{}:{mistake}", self.path.display())?;
        }
        let count = self.mistakes.len();
        write!(f, "{count} mistake{} in the configuration", if count == 1 { "" } else { "s" })
    }
}
