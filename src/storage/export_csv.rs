//! Stored rows as records of CSV.

use std::io::{self, Write};

use super::export::{Cell, fields};
use super::export_columns::Column;
use super::reader::Stored;

/// Writes records of CSV under one header. Lists are separated by spaces; what a row does not have is empty.
pub struct Csv<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(Column::ALL.iter().map(|column| column.name()))?;
        Ok(Self { writer })
    }

    pub fn write(&mut self, stored: &Stored) -> io::Result<()> {
        let mut record = vec![String::new(); Column::ALL.len()];
        for (column, cell) in fields(stored) {
            record[column as usize] = text(cell);
        }
        Ok(self.writer.write_record(record)?)
    }

    /// Without this the last records may be missing.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn text(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.into_owned(),
        Cell::Shown(value) => value.to_string(),
        Cell::Words(words) => words.join(" "),
        Cell::Whole(number) => number.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Time(time) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::export::tests::{bare, opted_out, purchase, settings};

    #[test]
    fn every_record_of_csv_has_every_column() {
        let mut bytes = Vec::new();
        let mut csv = Csv::new(&mut bytes).expect("memory takes it");
        for stored in [purchase(), bare(), opted_out(), settings()] {
            csv.write(&stored).expect("memory takes it");
        }
        csv.finish().expect("memory takes it");
        let text = String::from_utf8(bytes).expect("what went in was UTF-8");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        let account = "03".repeat(32);
        assert!(lines[4].ends_with(&format!(",{account},true,false,true,false,,,,,,,,,,,")), "{}", lines[4]);
        assert!(
            lines[1].starts_with("conversion,018bcfe5-6801-7000-8000-000000000000,2026-11-22T03:04:05.678Z,")
        );
        assert!(lines[1].contains(r#",e-1,"o,1",12500000,USD,1,01010101"#), "{}", lines[1]);
        assert!(
            lines[3].starts_with("opt_out,,2026-11-22T03:04:05.678Z,,")
                && lines[3].ends_with(",out,browser_id,,,,,,,,,,,,,,,,,,,,,")
        );
    }
}
