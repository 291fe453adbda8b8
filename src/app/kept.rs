//! What a running server was told and keeps in a document of its data directory, beside what the configuration has.
//!
//! The document is the truth about it and is read before each change, so that no change is lost to another, nor one made
//! by hand. Whoever changes anything holds the one lock, on a thread that answers nobody else: the disk may hang.

use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::background::Background;
use crate::config::{Config, Mistake};
use crate::service::live::SharedLive;
use crate::storage::disk::Disk;
use crate::storage::document;

/// One such document.
pub(super) trait Document: Default + Send + 'static {
    /// Its name in the data directory.
    const FILE: &'static str;
    /// What it holds, for messages.
    const WHAT: &'static str;

    /// Reads what [`Self::write`] wrote, and somebody may have changed since. `Err` holds every mistake.
    fn read(text: &str, file: &Config) -> Result<Self, Vec<Mistake>>;

    fn write(&self) -> String;

    /// `file` with all of it, or why they do not go together.
    fn merged(&self, file: &Config) -> Result<Config, String>;

    /// Has every worker see what `merged` has of it, and changes nothing else.
    fn put_in_force(merged: &Config, live: &SharedLive);
}

/// `file` with what the document in `data_dir` holds, or why they do not go together.
pub(super) fn with_kept<D: Document>(
    file: &Config,
    disk: &dyn Disk,
    data_dir: &Path,
) -> Result<Config, KeptError> {
    read::<D>(disk, &data_dir.join(D::FILE), file)?.merged(file).map_err(KeptError::Clash)
}

/// Why what is kept in a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error("{what} in {path}: {error}", path = .path.display())]
    Unreadable { what: &'static str, path: PathBuf, error: io::Error },
    /// Every mistake of the document, in the order of their places.
    #[error("{what} cannot be read{}", listing(path, mistakes))]
    Mistaken { what: &'static str, path: PathBuf, mistakes: Vec<Mistake> },
    /// Each is good, but it does not go together with the configuration file.
    #[error("{0}")]
    Clash(String),
}

impl KeptError {
    /// Whether somebody else may be able to use it.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

fn listing(path: &Path, mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n{}:{mistake}", path.display())).collect()
}

/// Puts changes of a document in force.
pub(super) struct Keeper<D> {
    kept: Arc<Kept<D>>,
    background: Background,
}

/// Waits for the disk.
struct Kept<D> {
    live: SharedLive,
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// The configuration without the document.
    file: Mutex<Config>,
    document: PhantomData<fn() -> D>,
}

/// The document while nobody else can change it.
pub(super) struct Opened<'k, D> {
    kept: &'k Kept<D>,
    /// The configuration without the document.
    pub(super) file: &'k Config,
    pub(super) document: D,
}

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum NotKept {
    /// It does not go together with the configuration file, or with the rest of the document.
    Clash(String),
    /// The document could not be read or written. After a failure in writing a restart may find the change all the same.
    Unavailable(String),
}

impl<D: Document> Keeper<D> {
    pub(super) fn new(file: &Config, live: SharedLive, disk: Arc<dyn Disk>) -> Self {
        let path = file.data_dir.join(D::FILE);
        let kept = Kept { live, disk, path, file: Mutex::new(file.clone()), document: PhantomData };
        Self { kept: Arc::new(kept), background: Background::default() }
    }

    /// Has `renew` put `file` in force together with what is kept. After an error all is as it was. Waits for the disk.
    pub(super) fn reload(
        &self,
        file: &Config,
        renew: impl FnOnce(&Config) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut before = self.kept.lock();
        let document: D = read(&*self.kept.disk, &self.kept.path, file).map_err(|error| error.to_string())?;
        renew(&document.merged(file)?)?;
        *before = file.clone();
        Ok(())
    }

    /// What `work` gives of the document. It is done even if nobody waits for it.
    pub(super) fn ask<T: Send + 'static, E: From<NotKept> + Send + 'static>(
        &self,
        work: impl FnOnce(Opened<'_, D>) -> Result<T, E> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send>> {
        let kept = Arc::clone(&self.kept);
        let done = self.background.run(move || kept.open(work));
        Box::pin(
            async move { done.await.unwrap_or_else(|why| Err(NotKept::Unavailable(why.to_string()).into())) },
        )
    }
}

impl<D: Document> Kept<D> {
    fn lock(&self) -> MutexGuard<'_, Config> {
        // It is replaced as a whole, so a panic leaves a good one.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open<T, E: From<NotKept>>(&self, work: impl FnOnce(Opened<'_, D>) -> Result<T, E>) -> Result<T, E> {
        let file = self.lock();
        let document = read(&*self.disk, &self.path, &file);
        let document = document.map_err(|error| NotKept::Unavailable(error.to_string()))?;
        work(Opened { kept: self, file: &file, document })
    }
}

impl<D: Document> Opened<'_, D> {
    /// Keeps the document as it is now, then has every worker see it.
    pub(super) fn keep(&self) -> Result<(), NotKept> {
        let Kept { live, disk, path, .. } = self.kept;
        let config = self.document.merged(self.file).map_err(NotKept::Clash)?;
        let text = self.document.write();
        if text.len() > document::BYTES_MAX {
            let what = format!("{} would take over {} MiB; delete some", D::WHAT, document::BYTES_MAX >> 20);
            return Err(NotKept::Clash(what));
        }
        document::replace(&**disk, path, text.as_bytes()).map_err(|error| {
            NotKept::Unavailable(format!("{} could not be written: {error}", path.display()))
        })?;
        D::put_in_force(&config, live);
        Ok(())
    }
}

/// What is kept; nothing where there is no file.
fn read<D: Document>(disk: &dyn Disk, path: &Path, file: &Config) -> Result<D, KeptError> {
    let unreadable = |error| KeptError::Unreadable { what: D::WHAT, path: path.to_owned(), error };
    let Some(bytes) = document::read(disk, path).map_err(unreadable)? else { return Ok(D::default()) };
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    D::read(&text, file).map_err(|mistakes| KeptError::Mistaken {
        what: D::WHAT,
        path: path.to_owned(),
        mistakes,
    })
}

#[cfg(test)]
mod tests {
    use arc_swap::ArcSwap;

    use super::super::parts;
    use super::*;
    use crate::config::DevOptions;
    use crate::service::crawler::Crawlers;
    use crate::service::registration::Unchanged;
    use crate::storage::real_disk::RealDisk;

    #[derive(Default)]
    struct Text(String);

    impl Document for Text {
        const FILE: &'static str = "text";
        const WHAT: &'static str = "the text";

        fn read(text: &str, _: &Config) -> Result<Self, Vec<Mistake>> {
            Ok(Self(text.to_owned()))
        }

        fn write(&self) -> String {
            self.0.clone()
        }

        fn merged(&self, file: &Config) -> Result<Config, String> {
            Ok(file.clone())
        }

        fn put_in_force(_: &Config, _: &SharedLive) {}
    }

    #[test]
    fn nothing_is_kept_that_could_not_be_read_again() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let options = DevOptions { data_dir: Some(data.path().to_owned()), ..DevOptions::default() };
        let config = Config::dev(options);
        let live = parts::live(&config, Arc::new(Crawlers::shipped())).expect("good settings");
        let keeper = Keeper::<Text>::new(&config, Arc::new(ArcSwap::from_pointee(live)), Arc::new(RealDisk));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let replace = |length: usize| {
            runtime.block_on(keeper.ask(move |mut opened| {
                opened.document.0 = "a".repeat(length);
                Ok(opened.keep()?)
            }))
        };
        let length = || runtime.block_on(keeper.ask::<_, Unchanged>(|opened| Ok(opened.document.0.len())));
        assert_eq!(replace(document::BYTES_MAX), Ok(()));
        let told = "the text would take over 16 MiB; delete some";
        assert_eq!(replace(document::BYTES_MAX + 1), Err(Unchanged::Conflict(told.to_owned())));
        assert_eq!(length(), Ok(document::BYTES_MAX));
    }
}
