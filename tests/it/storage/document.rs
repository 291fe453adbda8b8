//! What a running server was told is kept in a file that is replaced as a whole.

use std::path::Path;

use pixelgate::storage::document;

use crate::simulated_disk::{Faults, SimulatedDisk};

#[test]
fn a_cut_of_power_leaves_the_old_document_or_the_new_one() {
    let path = Path::new("/data/document");
    let (old, new) = (b"old".repeat(3_000), b"new!".repeat(4_000));
    for seed in 0..50 {
        let mut cut = 0;
        for at in 1.. {
            let disk = SimulatedDisk::new(seed, Faults::default());
            document::replace(&disk, path, &old).expect("the power is on");
            let power_off_at = Some(disk.counts().operations + at);
            disk.set_faults(Faults { power_off_at, ..Faults::default() });
            let is_done = document::replace(&disk, path, &new).is_ok();
            let after = disk.after_power_cut(seed * 31 + at, Faults::default());
            let found = document::read(&after, path).expect("the disk can be read");
            let found = found.expect("there is a file");
            assert!(found == new || (found == old && !is_done), "seed {seed}, cut at {at}");
            // What was left behind is in nobody's way.
            document::replace(&after, path, &new).expect("the power is on");
            assert_eq!(document::read(&after, path).expect("the disk can be read"), Some(new.clone()));
            if !disk.is_off() {
                break;
            }
            cut += 1;
        }
        assert!(cut >= 5, "the power went at {cut} operations");
    }
}
