//! What goes in comes out again, once and in order.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::storage::disk::Disk;
use pixelgate::storage::durable::AckClass;
use pixelgate::storage::log::{AppendError, Appended};
use pixelgate::storage::options::{AckClasses, LogOptions};
use pixelgate::storage::reader::{From, read};
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::verify::{reindex, repair, verify};

use super::support::*;

fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// With helper threads, on the real disk.
fn options() -> LogOptions {
    LogOptions { file_bytes: 256 << 10, ..LogOptions::default() }
}

#[track_caller]
fn check_ack(answer: &Result<Appended, AppendError>, ack: AckClass) {
    let Ok(Appended::Stored(durable)) = answer else { panic!("not stored: {answer:?}") };
    assert_eq!(durable.ack(), ack);
}

#[test]
fn entries_come_back_as_they_were_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (log, recovery) = open(dir.path(), &real(), options()).unwrap();
    assert_eq!((recovery.files, recovery.entries), (0, 0));
    assert!(log.is_ready());
    let answers = append_each(&log, [purchase(1), page_view(2), opt_out(browser(9), Choice::Out)]);
    check_ack(&answers[0], AckClass::Disk);
    check_ack(&answers[1], AckClass::Os);
    check_ack(&answers[2], AckClass::Disk);
    let live = read_all(dir.path(), &real());
    assert_eq!(ids(&live), [event_id(1), event_id(2)], "a log that is open can be read");
    log.close().unwrap();
    let (log, recovery) = open(dir.path(), &real(), options()).unwrap();
    assert_eq!((recovery.files, recovery.entries, recovery.opt_outs, recovery.torn_bytes), (1, 3, 1, 0));
    assert!(log.opt_outs().is_opted_out(browser(9)));
    append_each(&log, [purchase(4)]);
    log.close().unwrap();
    let rows = read_all(dir.path(), &real());
    assert_eq!(rows[..3], live);
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deeper/data");
    let (log, _) = open(&data, &real(), options()).unwrap();
    append_each(&log, [purchase(1)]);
    log.close().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for name in real().list(&data).unwrap() {
        assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
    }
}

#[test]
fn several_workers_fill_several_files_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), &real(), options()).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..3_u64 {
            let log = &log;
            scope.spawn(move || {
                for burst in 0..20 {
                    let first = worker * 1_000_000 + burst * 1_000;
                    let entries = (first..first + 100)
                        .map(|number| if number % 2 == 0 { page_view(number) } else { purchase(number) });
                    let answers = append_together(log, entries);
                    assert!(answers.iter().all(|answer| matches!(answer, Ok(Appended::Stored(_)))));
                }
            });
        }
    });
    log.close().unwrap();
    let rows = read_all(dir.path(), &real());
    let mut found = ids(&rows);
    found.sort_unstable();
    found.dedup();
    assert_eq!((rows.len(), found.len()), (6_000, 6_000));
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.files.len() > 1, "{report:?}");
    assert_eq!(repair(dir.path(), false).unwrap(), Default::default());
    assert_eq!(reindex(dir.path()).unwrap().entries, 6_000);
}

#[test]
fn reading_starts_where_it_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), &real(), LogOptions { file_bytes: 16 << 10, ..options() }).unwrap();
    append_each(&log, (1..=300).map(purchase));
    let from = |from| {
        let rows = read(dir.path(), from).unwrap().map(|row| row.unwrap().sequence);
        rows.collect::<Vec<_>>()
    };
    for after in [0, 1, 149, 299, 300, 400] {
        assert_eq!(from(From::AfterSequence(after)), (after + 1..=300).collect::<Vec<_>>(), "after {after}");
    }
    assert_eq!(from(From::AfterEvent(event_id(250))), (251..=300).collect::<Vec<_>>());
    assert_eq!(from(From::AfterEvent(event_id(999))), [0; 0]);
}

#[test]
fn a_class_can_be_chosen_for_all_but_opt_outs() {
    let dir = tempfile::tempdir().unwrap();
    let ack = AckClasses { page_view: AckClass::Memory, conversion: AckClass::Os, ..AckClasses::default() };
    let (log, _) = open(dir.path(), &real(), LogOptions { ack, ..options() }).unwrap();
    let answers = append_each(&log, [page_view(1), purchase(2), opt_out(browser(1), Choice::Out)]);
    check_ack(&answers[0], AckClass::Memory);
    check_ack(&answers[1], AckClass::Os);
    check_ack(&answers[2], AckClass::Disk);
}

#[test]
fn closing_writes_what_was_accepted_and_nothing_is_taken_after() {
    let dir = tempfile::tempdir().unwrap();
    let ack = AckClasses { page_view: AckClass::Memory, ..AckClasses::default() };
    let (log, _) = open(dir.path(), &real(), LogOptions { ack, ..options() }).unwrap();
    let (appender, batcher) = log.appender(tokio::task::yield_now);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // The batcher does not run before the log is closed.
    for number in 1..=20 {
        check_ack(&runtime.block_on(appender.append(page_view(number))), AckClass::Memory);
    }
    log.close().unwrap();
    assert_eq!(runtime.block_on(appender.append(page_view(21))), Err(AppendError::Unavailable));
    runtime.block_on(batcher);
    assert_eq!(ids(&read_all(dir.path(), &real())).len(), 20);
}

#[test]
fn an_append_that_is_given_up_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), &real(), options()).unwrap();
    with_appender(&log, async |appender| {
        for number in 0..200 {
            let task = tokio::spawn({
                let appender = appender.clone();
                async move { appender.append(purchase(number)).await }
            });
            if number % 3 == 0 {
                tokio::task::yield_now().await;
            }
            task.abort();
            check_ack(&appender.append(purchase(1_000 + number)).await, AckClass::Disk);
        }
    });
    log.close().unwrap();
    let found = ids(&read_all(dir.path(), &real()));
    assert!((1_000..1_200).all(|number| found.contains(&event_id(number))));
}

#[test]
fn a_batch_waits_for_another_turn_only_while_turns_bring_more() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), &real(), options()).unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let (appender, batcher) = log.appender({
        let turns = Arc::clone(&turns);
        move || {
            turns.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now()
        }
    });
    // Each entry comes so many turns late; they all have to be answered.
    let append = async |late: &[usize]| {
        let entries = late.iter().map(|&turns| {
            let appender = appender.clone();
            tokio::spawn(async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                appender.append(page_view(turns as u64)).await
            })
        });
        for appended in entries.collect::<Vec<_>>() {
            assert!(appended.await.unwrap().is_ok());
        }
        turns.swap(0, Ordering::Relaxed)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let batcher = tokio::spawn(batcher);
        assert_eq!(append(&[0]).await, 1, "one look for company");
        assert_eq!(append(&[0, 1, 2]).await, 3, "a look more after each that came");
        assert_eq!(append(&[0; 40]).await, 0, "enough is enough");
        batcher.abort();
    });
}
