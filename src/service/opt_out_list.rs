//! Lists of people who have opted out, as operators and partners bring them: CSV with a header, one JSON object a line, or
//! a partner's file of its number and its ids.

use std::borrow::Cow;
use std::io::BufRead;

use super::subject::{BadName, NAMES, Named, NamedSubjects};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
    /// Without a header: a partner's number, a tab, its id for a person.
    PartnerTsv,
}

/// A row that names nobody, or a list that cannot be read on. Repeats nothing of what it found: it may name a person.
#[derive(Debug, thiserror::Error)]
pub enum BadList {
    #[error("line {line}: {source}")]
    Name { line: u64, source: BadName },
    #[error("line {line}: expected one JSON object with some of {names}", names = NAMES.join(", "))]
    Json { line: u64 },
    #[error(
        "line {line}: not as many fields as the header has, or not UTF-8, or a partner_id that is no number"
    )]
    Record { line: u64 },
    #[error("line {line}: expected a partner's number, a tab, and its id for a person")]
    Pair { line: u64 },
    #[error("column {column} of the header is not one of {names}", names = NAMES.join(", "))]
    Column { column: usize },
    #[error("it could not be read on")]
    Io(#[from] std::io::Error),
}

/// Whom each row of `list` names. Goes on behind a bad row, and ends where it cannot be read on.
pub fn read<'r>(
    format: Format,
    list: impl BufRead + 'r,
) -> Box<dyn Iterator<Item = Result<NamedSubjects, BadList>> + 'r> {
    match format {
        Format::Csv => read_csv(list),
        Format::PartnerTsv => {
            Box::new(lines(list).map(|(line, text)| read_pair(line, text?.trim_end_matches('\r'))))
        }
        Format::Ndjson => Box::new(lines(list).filter_map(|(line, text)| match text {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => Some(read_json(line, &text)),
            Err(error) => Some(Err(error.into())),
        })),
    }
}

fn lines(list: impl BufRead) -> impl Iterator<Item = (u64, std::io::Result<String>)> {
    // A line that is not UTF-8 is an error of the reader, which goes on behind it; any other error would come for ever.
    let mut is_over = false;
    (1..).zip(list.lines()).take_while(move |(_, text)| {
        let is_last = text.as_ref().is_err_and(|error| error.kind() != std::io::ErrorKind::InvalidData);
        !std::mem::replace(&mut is_over, is_last)
    })
}

fn read_json(line: u64, text: &str) -> Result<NamedSubjects, BadList> {
    let named: Named<'_> = serde_json::from_str(text).map_err(|_| BadList::Json { line })?;
    named.subjects().map_err(|source| BadList::Name { line, source })
}

fn read_pair(line: u64, text: &str) -> Result<NamedSubjects, BadList> {
    let pair = text.split_once('\t').and_then(|(number, id)| Some((number.trim().parse().ok()?, id.trim())));
    let (partner_id, id) = pair.filter(|(_, id)| !id.contains('\t')).ok_or(BadList::Pair { line })?;
    let named =
        Named { partner_id: Some(partner_id), partner_user_id: Some(Cow::Borrowed(id)), ..Named::default() };
    named.subjects().map_err(|source| BadList::Name { line, source })
}

fn read_csv<'r>(list: impl BufRead + 'r) -> Box<dyn Iterator<Item = Result<NamedSubjects, BadList>> + 'r> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(list);
    let Ok(header) = reader.headers().cloned() else {
        return Box::new(std::iter::once(Err(BadList::Record { line: 1 })));
    };
    if let Some(column) = header.iter().position(|name| !NAMES.contains(&name)) {
        return Box::new(std::iter::once(Err(BadList::Column { column: column + 1 })));
    }
    let mut record = csv::StringRecord::new();
    Box::new(std::iter::from_fn(move || match reader.read_record(&mut record) {
        Ok(false) => None,
        Ok(true) => Some(read_record(&record, &header)),
        Err(error) if error.is_io_error() => Some(Err(BadList::Io(error.into()))),
        Err(error) => Some(Err(BadList::Record { line: error.position().map_or(0, csv::Position::line) })),
    }))
}

fn read_record(record: &csv::StringRecord, header: &csv::StringRecord) -> Result<NamedSubjects, BadList> {
    let line = record.position().map_or(0, csv::Position::line);
    let named: Named<'_> = record.deserialize(Some(header)).map_err(|_| BadList::Record { line })?;
    named.subjects().map_err(|source| BadList::Name { line, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of identifiers of each row, or what is wrong with it.
    #[track_caller]
    fn check(format: Format, list: &str, expect: &[Result<usize, &str>]) {
        let rows: Vec<_> = read(format, list.as_bytes())
            .map(|row| row.map(|subjects| subjects.len()).map_err(|error| error.to_string()))
            .collect();
        let expect: Vec<_> = expect.iter().map(|row| row.map_err(str::to_owned)).collect();
        assert_eq!(rows, expect, "{list:?}");
    }

    #[test]
    fn a_row_of_csv_names_whom_its_fields_name() {
        let (id, hash) = ("0f".repeat(16), "0f".repeat(32));
        check(
            Format::Csv,
            &format!("browser_id,hashed_email\n{id},\n{id},{hash}\r\n,{hash}\n"),
            &[Ok(1), Ok(2), Ok(1)],
        );
        check(
            Format::Csv,
            &format!("browser_id,hashed_email\n,\njane@shop.example,\n{id}\n,{hash}\n"),
            &[
                Err("line 2: it names nobody"),
                Err("line 3: browser_id is not 32 hexadecimal digits"),
                Err(
                    "line 4: not as many fields as the header has, or not UTF-8, or a partner_id that is no number",
                ),
                Ok(1),
            ],
        );
    }

    #[test]
    fn a_list_without_a_header_or_with_another_column_is_refused_as_a_whole() {
        let names = "browser_id, hashed_email, hashed_phone, device_id, hashed_device_id, partner_id, \
            partner_user_id, hashed_partner_user_id";
        let second = format!("column 2 of the header is not one of {names}");
        check(Format::Csv, "browser_id,email\nx,jane@shop.example\n", &[Err(&second)]);
        let first = second.replace('2', "1");
        check(Format::Csv, "jane@shop.example\njoe@shop.example\n", &[Err(&first)]);
    }

    #[test]
    fn a_line_of_a_partners_file_names_whom_its_id_is_for() {
        let bad = |line| format!("line {line}: expected a partner's number, a tab, and its id for a person");
        check(
            Format::PartnerTsv,
            "111\tabc\n111\tdef\r\nacme\tabc\n111\n111\tabc\t50\n\n111 \t ghi \n",
            &[Ok(1), Ok(1), Err(&bad(3)), Err(&bad(4)), Err(&bad(5)), Err(&bad(6)), Ok(1)],
        );
    }

    #[test]
    fn a_line_of_json_names_whom_its_fields_name() {
        let hash = "0f".repeat(32);
        let object = format!("{{\"hashed_phone\":\"{hash}\"}}");
        let bad = format!("line 3: expected one JSON object with some of {}", NAMES.join(", "));
        check(
            Format::Ndjson,
            &format!("{object}\n\n{{\"phone\":\"+1555\"}}\n{{}}\n{object}"),
            &[Ok(1), Err(&bad), Err("line 4: it names nobody"), Ok(1)],
        );
    }
}
