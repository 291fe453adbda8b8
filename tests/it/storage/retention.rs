//! Old files go as a whole, and what an opt-out says outlives the file that it was in.

use std::path::Path;
use std::time::Duration;

use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::event::EventType;
use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::domain::page::PageAddress;
use pixelgate::storage::options::{Housekeeping, LogOptions};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn old_entries_go_and_opt_outs_stay() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
        let options = LogOptions { retain: Some(3 * DAY), housekeeping, ..small() };
        let (log, _) = open_at(dir(), &disk.shared(), options.clone(), clock.clone(), 1).unwrap();
        let changes = [(1, Choice::Out), (2, Choice::Out), (2, Choice::In), (3, Choice::Out)];
        append_each(&log, changes.map(|(person, choice)| opt_out(browser(person), choice)));
        for day in 0..20 {
            let page = format!("https://shop.example/{}", "p".repeat(1_900));
            let long = |number| {
                admit(Conversion {
                    page: PageAddress::reduce(&page),
                    ..conversion(EventType::Purchase, number)
                })
            };
            append_each(&log, (0..8).map(|number| long(day * 100 + number)));
            clock.advance(DAY);
        }
        // A few more rounds of the writer, for the helper to keep up.
        let mut number = 5_000;
        while log.metrics().files_retired.get() < 6 {
            append_each(&log, [page_view(number)]);
            number += 1;
        }
        log.close().unwrap();
        let found = ids(&read_all(dir(), &disk.shared()));
        assert!(!found.contains(&event_id(0)), "the first day is gone");
        assert!((1_700..1_708).all(|number| found.contains(&event_id(number))), "the last days are there");
        let (log, recovery) = open_at(dir(), &disk.shared(), options, clock, 2).unwrap();
        assert_eq!(recovery.opt_outs, 2);
        let out = [1, 2, 3].map(|person| log.opt_outs().is_opted_out(browser(person)));
        assert_eq!(out, [true, false, true]);
    }
}
