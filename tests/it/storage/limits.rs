//! Every limit of the log, at it and one past it.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pixelgate::domain::opt_out::Choice;
use pixelgate::storage::disk::Disk;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended};
use pixelgate::storage::options::{LogOptions, Retain};
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::recovery::OpenError;
use pixelgate::storage::verify::{RepairError, repair};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

type Pending<'a> = Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + 'a>>;

#[test]
fn page_views_are_turned_away_first_then_conversions_and_opt_outs_last() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let options = LogOptions { queue_entries_max: 100, ..small() };
    let (log, _) = open(Path::new("/data"), &disk.shared(), options).unwrap();
    // Nobody runs the batcher, so that everything waits.
    let (appender, _batcher) = log.appender(tokio::task::yield_now);
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting: Vec<Pending<'_>> = Vec::new();
    let mut offer = |entry: Entry| {
        let mut append: Pending<'_> = Box::pin(appender.append(entry));
        match append.as_mut().poll(&mut context) {
            Poll::Pending => {
                waiting.push(append);
                true
            }
            Poll::Ready(answer) => {
                assert_eq!(answer, Err(AppendError::Overloaded));
                false
            }
        }
    };
    let mut accepted = 0;
    for (limit, entry) in [
        (50, page_view as fn(u64) -> Entry),
        (90, purchase),
        (200, |number| opt_out(browser(number), Choice::Out)),
    ] {
        while offer(entry(accepted)) {
            accepted += 1;
        }
        assert_eq!(accepted, limit, "one more was turned away");
    }
    drop(waiting);
    log.close().unwrap();
    assert_eq!(read_all(Path::new("/data"), &disk.shared()).len(), 200, "what was accepted is written");
}

#[test]
fn a_second_process_is_told_that_the_directory_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (log, _) = open(dir.path(), &disk, small()).unwrap();
    let second = open(dir.path(), &disk, small()).err().expect("it is in use");
    assert!(matches!(&second, OpenError::Locked(_)), "{second}");
    assert!(second.to_string().contains("another process is using"), "{second}");
    assert!(matches!(repair(dir.path(), true), Err(RepairError::Locked(_))));
    log.close().unwrap();
    open(dir.path(), &disk, small()).expect("it is free again");
}

#[track_caller]
fn check_options(options: LogOptions, accepted: bool) {
    assert_eq!(options.mistake().is_none(), accepted, "{options:?}");
    let disk = SimulatedDisk::new(1, Faults::default());
    if !accepted {
        let error = open(Path::new("/data"), &disk.shared(), options).err().expect("a mistake");
        assert!(matches!(error, OpenError::Options(_)));
    }
}

#[test]
fn options_stop_at_their_limits() {
    let with = |change: fn(&mut LogOptions)| {
        let mut options = LogOptions::default();
        change(&mut options);
        options
    };
    check_options(with(|options| options.file_bytes = 16 << 10), true);
    check_options(with(|options| options.file_bytes = (16 << 10) - 1), false);
    check_options(with(|options| options.file_bytes = 1 << 30), true);
    check_options(with(|options| options.file_bytes = (1 << 30) + 1), false);
    check_options(with(|options| options.queue_entries_max = 16), true);
    check_options(with(|options| options.queue_entries_max = 15), false);
    check_options(with(|options| options.retain = Retain::all(options.dedup_window)), true);
    check_options(with(|options| options.retain.page_view = options.dedup_window.checked_sub(SECOND)), false);
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
