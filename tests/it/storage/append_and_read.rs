//! What goes in comes out again, once and in order.

use std::sync::Arc;
use std::time::Duration;

use pixelgate::domain::event::EventType;
use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::storage::disk::Disk;
use pixelgate::storage::durable::AckClass;
use pixelgate::storage::log::{AppendError, Appended};
use pixelgate::storage::options::{Housekeeping, LogOptions};
use pixelgate::storage::reader::{From, Row, read};
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::recovery::OpenError;

use super::support::*;

fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

#[track_caller]
fn check_ack(answer: &Result<Appended, AppendError>, ack: AckClass) {
    let Ok(Appended::Stored(durable)) = answer else { panic!("not stored: {answer:?}") };
    assert_eq!(durable.ack(), ack);
}

#[test]
fn entries_come_back_as_they_were_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (log, recovery) =
        open(dir.path(), &real(), LogOptions { file_bytes: 1 << 20, ..LogOptions::default() }).unwrap();
    assert_eq!((recovery.files, recovery.entries), (0, 0));
    assert!(log.is_ready());
    let answers = append_each(&log, [purchase(1), page_view(2), opt_out(browser(9), Choice::Out)]);
    check_ack(&answers[0], AckClass::Disk);
    check_ack(&answers[1], AckClass::Os);
    check_ack(&answers[2], AckClass::Disk);
    let live = read_all(dir.path(), &real());
    assert_eq!(ids(&live), [event_id(1), event_id(2)], "a log that is open can be read");
    log.close().unwrap();
    let (log, recovery) =
        open(dir.path(), &real(), LogOptions { file_bytes: 1 << 20, ..LogOptions::default() }).unwrap();
    assert_eq!((recovery.files, recovery.entries, recovery.opt_outs, recovery.torn_bytes), (1, 3, 1, 0));
    assert!(log.opt_outs().is_opted_out(browser(9)));
    append_each(&log, [purchase(4)]);
    log.close().unwrap();
    let rows = read_all(dir.path(), &real());
    assert_eq!(rows[..3], live);
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
}
