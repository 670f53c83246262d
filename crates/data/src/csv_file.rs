//! Columns of a CSV file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, Reader};
use zeroize::Zeroize;

use crate::cell::Cell;
use crate::config::{Columns, unreadable};
use crate::error::{DataError, Fault, Position};
use crate::nearest::nearest;

/// What is read of a CSV file: elements in row-major order, their number of columns, and keys.
pub(crate) struct Table<T> {
    pub(crate) elements: Vec<T>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) keys: Option<Vec<String>>,
}

/// Reads columns of at most so many rows, and the key of each if `key` names its column. Reads the file once, row by row.
pub(crate) fn read<T: Cell>(
    path: &Path,
    columns: &Columns,
    key: Option<&str>,
    delimiter: u8,
    most: usize,
) -> Result<Table<T>, DataError> {
    let file = File::open(path).map_err(|e| unreadable(&e).in_file(path))?;
    let lines = Lines { path };
    read_from(reader(file, delimiter), columns, key, most, &lines).map_err(|e| e.in_file(path))
}

fn reader(file: File, delimiter: u8) -> Reader<File> {
    csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(file)
}

/// The cell of an element, by its number in row-major order; `None` if the file has changed.
pub(crate) fn locate(path: &Path, columns: &Columns, delimiter: u8, element: usize) -> Option<Position> {
    let mut reader = reader(File::open(path).ok()?, delimiter);
    let lines = Lines { path };
    let header = header(&mut reader, &lines).ok()?;
    let chosen = choose(&header, columns).ok()?;
    let (row, column) = (element / chosen.len().max(1), element % chosen.len().max(1));
    let record = reader.byte_records().nth(row)?.ok()?;
    Some(Position::Cell(lines.of(record.position()?), header[*chosen.get(column)?].clone()))
}

/// Reads only the keys of a CSV file.
pub(crate) fn read_keys(path: &Path, key: &str) -> Result<Vec<String>, DataError> {
    let none = Columns::Many(Vec::new());
    let table = read::<f64>(path, &none, Some(key), b',', usize::MAX)?;
    Ok(table.keys.unwrap_or_default())
}

fn read_from<T: Cell>(
    mut reader: Reader<File>,
    columns: &Columns,
    key: Option<&str>,
    most: usize,
    lines: &Lines<'_>,
) -> Result<Table<T>, DataError> {
    let header = header(&mut reader, lines)?;
    let chosen = choose(&header, columns)?;
    let key = key.map(|name| Ok::<_, DataError>((find(&header, name)?, name))).transpose()?;

    let mut table = Table { elements: Vec::new(), rows: 0, columns: chosen.len(), keys: None };
    let mut keys = Keys::default();
    let mut record = ByteRecord::new();
    while table.rows < most && reader.read_byte_record(&mut record).map_err(|e| csv_fault(&e, lines))? {
        let start = record.position().cloned().unwrap_or_else(csv::Position::new);
        if record.len() != header.len() {
            let fault = Fault::Ragged { expected: header.len(), found: record.len() };
            return Err(fault.at(Position::Line(lines.of(&start))));
        }
        if let Some((at, name)) = key {
            keys.push(&record[at], name, &start, lines)?;
        }
        for &at in &chosen {
            let place = |fault: Fault| fault.at(Position::Cell(lines.of(&start), header[at].clone()));
            table.elements.push(cell(&record[at]).map_err(place)?);
        }
        table.rows += 1;
    }
    if table.rows == 0 {
        return Err(Fault::NoRows.into());
    }
    table.keys = key.map(|_| keys.finish());
    Ok(table)
}

fn header(reader: &mut Reader<File>, lines: &Lines<'_>) -> Result<Vec<String>, DataError> {
    let record = reader.headers().map_err(|e| csv_fault(&e, lines))?;
    // A quote that is never closed makes the rows below part of a name, which errors would show.
    if record.iter().any(|name| name.contains(['\n', '\r'])) {
        return Err(Fault::Csv("a name in the first line goes on in the next: is a quote not closed?".into())
            .at(Position::Line(1)));
    }
    Ok(record.iter().map(str::to_owned).collect())
}

/// The faults that the parser itself can find. Its own messages may quote the file, so they are not passed on.
fn csv_fault(error: &csv::Error, lines: &Lines<'_>) -> DataError {
    let fault = match error.kind() {
        csv::ErrorKind::Io(e) => return unreadable(e),
        csv::ErrorKind::Utf8 { .. } => Fault::Csv("it is not UTF-8".into()),
        _ => Fault::Csv("it cannot be split into rows and cells".into()),
    };
    match error.position() {
        Some(position) => fault.at(Position::Line(lines.of(position))),
        None => fault.into(),
    }
}

/// The positions of the columns that are asked for.
fn choose(header: &[String], columns: &Columns) -> Result<Vec<usize>, DataError> {
    let names = match columns {
        Columns::One(name) => return Ok(vec![find(header, name)?]),
        Columns::Many(names) => names,
    };
    let mut chosen = Vec::new();
    for name in names {
        match name.split_once("..") {
            Some((first, last)) if !header.contains(name) => {
                let (first, last) = (find(header, first.trim())?, find(header, last.trim())?);
                if first > last {
                    let why = format!("`{name}`: the second column stands before the first");
                    return Err(Fault::Config(why).into());
                }
                chosen.extend(first..=last);
            }
            _ => chosen.push(find(header, name)?),
        }
    }
    Ok(chosen)
}

fn find(header: &[String], name: &str) -> Result<usize, DataError> {
    let mut places = header.iter().enumerate().filter(|(_, h)| *h == name).map(|(i, _)| i);
    match (places.next(), places.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(Fault::AmbiguousColumn(name.to_owned()).at(Position::Line(1))),
        (None, _) => {
            // A first line with numbers in it is probably a row: naming its cells would show data.
            let looks_like_data = header.iter().any(|h| h.parse::<f64>().is_ok());
            let columns = if looks_like_data { Vec::new() } else { header.to_vec() };
            let nearest = nearest(name, columns.iter().map(String::as_str)).map(str::to_owned);
            Err(Fault::UnknownColumn { column: name.to_owned(), nearest, columns }.at(Position::Line(1)))
        }
    }
}

fn cell<T: Cell>(bytes: &[u8]) -> Result<T, Fault> {
    match std::str::from_utf8(bytes) {
        Ok("") => Err(Fault::EmptyCell),
        Ok(text) => T::parse(text),
        Err(_) => Err(Fault::NotANumber),
    }
}

/// Keys in order, and where each was first seen.
#[derive(Default)]
struct Keys {
    seen: HashMap<String, csv::Position>,
    order: Vec<String>,
}

impl Keys {
    fn push(&mut self, bytes: &[u8], column: &str, start: &csv::Position, lines: &Lines<'_>) -> Result<(), DataError> {
        let position = || Position::Cell(lines.of(start), column.to_owned());
        let key = match std::str::from_utf8(bytes) {
            Ok("") => return Err(Fault::EmptyCell.at(position())),
            Ok(text) => text.to_owned(),
            Err(_) => return Err(Fault::Csv("the key is not UTF-8".into()).at(position())),
        };
        if let Some(first) = self.seen.get(&key) {
            let fault = Fault::DuplicateKey { column: column.to_owned(), first: lines.of(first) };
            return Err(fault.at(Position::Line(lines.of(start))));
        }
        self.seen.insert(key.clone(), start.clone());
        self.order.push(key);
        Ok(())
    }

    fn finish(mut self) -> Vec<String> {
        for (mut key, _) in self.seen.drain() {
            key.zeroize();
        }
        self.order
    }
}

/// Finds the line of a record, once there is an error to report.
///
/// The parser's own count is that of where it began to look for the record: before blank lines, and before
/// the second half of a `\r\n`.
struct Lines<'a> {
    path: &'a Path,
}

impl Lines<'_> {
    fn of(&self, start: &csv::Position) -> u64 {
        self.count(start.byte()).unwrap_or(start.line())
    }

    fn count(&self, start: u64) -> std::io::Result<u64> {
        let mut line = 1;
        for (at, byte) in (0u64..).zip(BufReader::new(File::open(self.path)?).bytes()) {
            match byte? {
                b'\n' => line += 1,
                b'\r' => {}
                _ if at >= start => break,
                _ => {}
            }
        }
        Ok(line)
    }
}
