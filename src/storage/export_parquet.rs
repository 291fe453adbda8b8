//! Stored rows as Parquet files: `kind=conversion/day=2026-11-28/part-0.parquet`, by the day (UTC) of the row's own time.
//!
//! A file gets its name only when all of it is on the disk. However large the log, so many bytes of rows are in memory,
//! and one file that is being written.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::disk::Disk;
use super::document;
use super::entry::EntryKind;
use super::export::{Cell, Fields, fields};
use super::export_columns::Column;
use super::export_part::Part;
use super::reader::Stored;
use crate::domain::time::{MS_PER_DAY, Timestamp};

pub struct ParquetFiles<'d> {
    disk: &'d dyn Disk,
    dir: PathBuf,
    /// Rows that wait until they are worth a file.
    waiting: BTreeMap<Place, Part>,
    /// Of all that wait, about.
    bytes: usize,
    bytes_max: usize,
    /// How many files each place has.
    files: BTreeMap<Place, u32>,
}

/// Kind, and day since 1970.
type Place = (EntryKind, u64);

impl<'d> ParquetFiles<'d> {
    /// Makes `dir` if need be. [`io::ErrorKind::DirectoryNotEmpty`] if there is anything in it.
    pub fn create(disk: &'d dyn Disk, dir: PathBuf) -> io::Result<Self> {
        Self::with_limit(disk, dir, WAITING_BYTES_MAX)
    }

    fn with_limit(disk: &'d dyn Disk, dir: PathBuf, bytes_max: usize) -> io::Result<Self> {
        match disk.list(&dir) {
            Ok(names) if names.is_empty() => {}
            Ok(_) => return Err(io::ErrorKind::DirectoryNotEmpty.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create_dir(&dir)?,
            Err(error) => return Err(error),
        }
        Ok(Self { disk, dir, waiting: BTreeMap::new(), bytes: 0, bytes_max, files: BTreeMap::new() })
    }

    pub fn write(&mut self, stored: &Stored) -> io::Result<()> {
        let fields = fields(stored);
        let place = (stored.row.kind(), at(&fields).0 / MS_PER_DAY);
        self.bytes += self.waiting.entry(place).or_insert_with(Part::new).add(fields);
        while self.bytes > self.bytes_max {
            // The largest, so that rows of many days in turn do not end in as many small files as there are rows.
            let largest = self.waiting.iter().max_by_key(|(_, part)| part.bytes);
            let (&place, _) = largest.expect("what has bytes is waiting");
            self.write_file(place)?;
        }
        Ok(())
    }

    /// Without this the last rows are missing.
    pub fn finish(mut self) -> io::Result<()> {
        while let Some((&place, _)) = self.waiting.first_key_value() {
            self.write_file(place)?;
        }
        Ok(())
    }

    fn write_file(&mut self, place: Place) -> io::Result<()> {
        let Some(part) = self.waiting.remove(&place) else { return Ok(()) };
        self.bytes -= part.bytes;
        let (kind, day) = place;
        let day = Timestamp(day * MS_PER_DAY).to_string();
        let dir = self.dir.join(format!("kind={}", kind.name())).join(format!("day={}", &day[..DATE_CHARS]));
        let files = self.files.entry(place).or_default();
        if *files == 0 {
            self.disk.create_dir(&dir)?;
        }
        let file = part.into_file().map_err(io::Error::other)?;
        document::replace(self.disk, &dir.join(format!("part-{files}.parquet")), &file)?;
        *files += 1;
        Ok(())
    }
}

fn at(fields: &Fields<'_>) -> Timestamp {
    let at = fields.iter().find_map(|field| match field {
        (Column::At, Cell::Time(at)) => Some(*at),
        _ => None,
    });
    at.expect("every row has a time")
}

/// Of `2026-11-28T…`.
const DATE_CHARS: usize = 10;

/// About 100,000 conversions.
const WAITING_BYTES_MAX: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;
    use crate::storage::export::tests::{bare, purchase};
    use crate::storage::real_disk::RealDisk;

    #[test]
    fn so_many_bytes_wait_and_no_more() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let limit = 4_000;
        let mut files =
            ParquetFiles::with_limit(&RealDisk, dir.path().join("export"), limit).expect("it is not there");
        for row in 0..100 {
            files.write(&if row % 10 == 0 { bare() } else { purchase() }).expect("there is room");
            assert!(files.bytes <= limit, "{} bytes wait", files.bytes);
        }
        files.finish().expect("there is room");
        let place = |kind: &str| dir.path().join("export").join(kind).join("day=2026-11-22");
        for (kind, rows) in [("kind=conversion", 90), ("kind=page_view", 10)] {
            let parts = RealDisk.list(&place(kind)).expect("a directory").len();
            let read = |part| {
                let path = place(kind).join(format!("part-{part}.parquet"));
                let bytes = document::read(&RealDisk, &path).expect("it can be read").expect("a file");
                SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file")
            };
            let counts = (0..parts).map(|part| read(part).metadata().file_metadata().num_rows());
            assert_eq!(counts.sum::<i64>(), rows, "{kind}");
            assert!(parts > 5 || rows < 50, "{rows} rows of {kind} are in {parts} files");
        }
    }
}
