//! Rows of one kind and day, column by column, until they are written as one Parquet file.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::export::{Cell, Fields};
use super::export_columns::{Column, ColumnType};

/// The kind is left out: it is in the name of the file's directory.
pub(super) struct Part {
    columns: Vec<Chunk>,
    /// About what the rows take in memory.
    pub(super) bytes: usize,
}

/// The cells of one column.
struct Chunk {
    column: Column,
    values: Values,
    /// Parquet's definition levels, which say whether a cell, or a word of a list, is there.
    definitions: Vec<i16>,
    /// Parquet's repetition levels, which say where a list goes on; of lists only.
    repetitions: Vec<i16>,
}

/// What is there, without the gaps.
enum Values {
    /// One after the other, and where each ends.
    Text {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
    Whole(Vec<i64>),
    Flag(Vec<bool>),
}

impl Part {
    pub(super) fn new() -> Self {
        Self { columns: columns().map(Chunk::new).collect(), bytes: 0 }
    }

    /// Returns about how many bytes it has grown by.
    pub(super) fn add(&mut self, fields: Fields<'_>) -> usize {
        let mut cells = [const { Cell::Null }; Column::ALL.len()];
        for (column, cell) in fields {
            cells[column as usize] = cell;
        }
        let grown = self
            .columns
            .iter_mut()
            .map(|chunk| chunk.add(std::mem::replace(&mut cells[chunk.column as usize], Cell::Null)))
            .sum();
        self.bytes += grown;
        grown
    }

    /// The whole file, with its rows in one group.
    pub(super) fn into_file(self) -> Result<Vec<u8>, ParquetError> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = parse_message_type(&schema())?;
        let mut file = SerializedFileWriter::new(Vec::new(), schema.into(), properties.into())?;
        let mut group = file.next_row_group()?;
        let mut chunks = self.columns.into_iter();
        while let (Some(chunk), Some(mut writer)) = (chunks.next(), group.next_column()?) {
            chunk.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        file.into_inner()
    }
}

impl Chunk {
    fn new(column: Column) -> Self {
        let values = match column.of() {
            ColumnType::Text | ColumnType::Words => Values::Text { bytes: Vec::new(), ends: Vec::new() },
            ColumnType::Whole | ColumnType::Time => Values::Whole(Vec::new()),
            ColumnType::Flag => Values::Flag(Vec::new()),
        };
        Self { column, values, definitions: Vec::new(), repetitions: Vec::new() }
    }

    fn add(&mut self, cell: Cell<'_>) -> usize {
        match cell {
            Cell::Null => self.level(NULL, 0),
            Cell::Words(words) if words.is_empty() => self.level(EMPTY, 0),
            Cell::Words(words) => {
                let levels = [0].into_iter().chain(std::iter::repeat(1));
                let words = words.into_iter().zip(levels);
                words.map(|(word, repetition)| self.text(word) + self.level(WORD, repetition)).sum()
            }
            cell => self.value(&cell) + self.level(THERE, 0),
        }
    }

    fn level(&mut self, definition: i16, repetition: i16) -> usize {
        self.definitions.push(definition);
        if self.column.of() == ColumnType::Words {
            self.repetitions.push(repetition);
        }
        size_of::<i16>()
    }

    fn value(&mut self, cell: &Cell<'_>) -> usize {
        match (&mut self.values, cell) {
            (Values::Whole(values), Cell::Whole(number)) => values.push(*number),
            // Milliseconds reach further than the log does.
            (Values::Whole(values), Cell::Time(time)) => values.push(time.0.cast_signed()),
            (Values::Flag(values), Cell::Flag(flag)) => values.push(*flag),
            (_, Cell::Text(text)) => return self.text(text),
            (_, Cell::Shown(value)) => return self.text(&value.to_string()),
            _ => unreachable!("the column {} is of another type", self.column.name()),
        }
        size_of::<i64>()
    }

    fn text(&mut self, text: &str) -> usize {
        let Values::Text { bytes, ends } = &mut self.values else {
            unreachable!("the column {} is of another type", self.column.name());
        };
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len());
        text.len() + size_of::<usize>()
    }

    fn write(self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let definitions = (!self.column.is_required()).then_some(&*self.definitions);
        let repetitions = (self.column.of() == ColumnType::Words).then_some(&*self.repetitions);
        match self.values {
            Values::Text { bytes, ends } => {
                let texts = texts(bytes, &ends);
                writer.typed::<ByteArrayType>().write_batch(&texts, definitions, repetitions)
            }
            Values::Whole(numbers) => {
                writer.typed::<Int64Type>().write_batch(&numbers, definitions, repetitions)
            }
            Values::Flag(flags) => writer.typed::<BoolType>().write_batch(&flags, definitions, repetitions),
        }?;
        Ok(())
    }
}

fn texts(bytes: Vec<u8>, ends: &[usize]) -> Vec<ByteArray> {
    let bytes = Bytes::from(bytes);
    let starts = [0].into_iter().chain(ends.iter().copied());
    starts.zip(ends).map(|(start, &end)| bytes.slice(start..end).into()).collect()
}

fn columns() -> impl Iterator<Item = Column> {
    Column::ALL.iter().copied().filter(|column| *column != Column::Kind)
}

/// In Parquet's own words. Lists are as `LogicalTypes.md` of the format has them, in three levels.
fn schema() -> String {
    let columns: String = columns().map(column_schema).collect();
    format!("message pixelgate {{\n{columns}}}")
}

fn column_schema(column: Column) -> String {
    let (name, there) = (column.name(), if column.is_required() { "required" } else { "optional" });
    match column.of() {
        ColumnType::Text => format!("{there} binary {name} (STRING);\n"),
        ColumnType::Words => {
            format!(
                "{there} group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}\n"
            )
        }
        ColumnType::Whole => format!("{there} int64 {name};\n"),
        ColumnType::Flag => format!("{there} boolean {name};\n"),
        ColumnType::Time => format!("{there} int64 {name} (TIMESTAMP(MILLIS,true));\n"),
    }
}

/// Definition levels: no cell, a cell, a list without a word, a word of a list.
const NULL: i16 = 0;
const THERE: i16 = 1;
const EMPTY: i16 = 1;
const WORD: i16 = 2;
