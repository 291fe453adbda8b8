//! Walks a TOML document, collecting every mistake instead of stopping at the first.
//!
//! A getter that finds something wrong notes the mistake and gives `None`, so its caller may put anything in its
//! place: a document with a mistake never becomes a configuration.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::RangeInclusive;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;

/// One document on its way to a configuration.
pub(super) struct Document<'d> {
    text: &'d str,
    /// Gives the value of an environment variable.
    environment: &'d dyn Fn(&str) -> Option<String>,
    mistakes: RefCell<Vec<Mistake>>,
    /// What each identifier was given to first, by what kind of identifier it is.
    taken: RefCell<HashMap<(&'static str, String), usize>>,
}

impl<'d> Document<'d> {
    /// Calls `read` with the root of the document. `Err` holds every mistake, in the order of their places.
    pub(super) fn read<T>(
        text: &'d str,
        environment: &'d dyn Fn(&str) -> Option<String>,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Result<T, Vec<Mistake>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let document =
            Document { text, environment, mistakes: RefCell::default(), taken: RefCell::default() };
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            document.note(at, "", format!("not TOML: {}", error.message()), "see https://toml.io".to_owned());
        }
        let broken_lines = document.lines_noted();
        let section = Section::new(&document, String::new(), Some(root.get_ref()), 0);
        let value = read(&section);
        section.finish();
        let mut mistakes = document.mistakes.into_inner();
        if !broken_lines.is_empty() {
            // What a broken line was meant to say is not known, so nothing is held against it a second time. The
            // parser puts a value in its place that stands at the very start.
            let guessed = |mistake: &Mistake| {
                mistake.is_absence()
                    || broken_lines.contains(&mistake.line)
                    || (mistake.line, mistake.column) == (1, 1)
            };
            mistakes.retain(|mistake| mistake.key.is_empty() || !guessed(mistake));
        }
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        // One broken line makes the parser stumble several times.
        mistakes.dedup_by(|later, first| {
            first.key.is_empty() && later.key.is_empty() && later.line == first.line
        });
        match value {
            Some(value) if mistakes.is_empty() => Ok(value),
            _ => Err(mistakes),
        }
    }

    fn note(&self, at: usize, key: &str, what: String, fix: String) {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.mistakes.borrow_mut().push(Mistake {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
            what,
            fix,
        });
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at.min(self.text.len())].matches('\n').count() + 1
    }

    fn lines_noted(&self) -> Vec<usize> {
        self.mistakes.borrow().iter().map(|mistake| mistake.line).collect()
    }
}

/// How the absence of a key is told; see [`Mistake::is_absence`].
const MISSING: &str = "missing";

impl Mistake {
    fn is_absence(&self) -> bool {
        self.what == MISSING
    }
}

/// A table, or the absence of one, in which every key is optional until somebody requires it.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    path: String,
    table: Option<&'d DeTable<'d>>,
    at: usize,
    /// The keys that exist: those that somebody asked for.
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    fn new(document: &'d Document<'d>, path: String, table: Option<&'d DeTable<'d>>, at: usize) -> Self {
        Self { document, path, table, at, known: RefCell::default() }
    }

    /// The value of `key`, which may be absent.
    pub(super) fn get(&self, key: &'static str) -> Option<Field<'d>> {
        self.known.borrow_mut().push(key);
        let value = self.table?.get(key)?;
        Some(Field { document: self.document, path: self.path_of(key), value })
    }

    /// The value of `key`; its absence is a mistake, and `fix` says what to write.
    pub(super) fn require(&self, key: &'static str, fix: &str) -> Option<Field<'d>> {
        let field = self.get(key);
        if field.is_none() {
            self.document.note(self.at, &self.path_of(key), MISSING.to_owned(), fix.to_owned());
        }
        field
    }

    /// The table under `key`; without one, an empty one.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let there = self.get(key).and_then(Field::section);
        there.unwrap_or_else(|| Self::new(self.document, self.path_of(key), None, self.at))
    }

    /// The tables of the array under `key`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let fields = self.get(key).map(Field::list).unwrap_or_default();
        fields.into_iter().filter_map(Field::section).collect()
    }

    /// What `read` makes of each table of the array under `key`, whose other keys are mistakes.
    pub(super) fn each<T>(&self, key: &'static str, read: impl Fn(&Self) -> Option<T>) -> Vec<T> {
        let read = |section: Self| {
            let value = read(&section);
            section.finish();
            value
        };
        self.sections(key).into_iter().filter_map(read).collect()
    }

    /// Notes a mistake about the section as a whole.
    pub(super) fn refuse(&self, what: impl Into<String>, fix: impl Into<String>) {
        self.document.note(self.at, &self.path, what.into(), fix.into());
    }

    /// Reports the keys that nobody asked for, each with the nearest one that exists.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let fix = match nearest(name, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            self.document.note(key.span().start, &self.path_of(name), "unknown key".to_owned(), fix);
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// One value, with the place where it stands.
#[derive(Clone)]
pub(super) struct Field<'d> {
    document: &'d Document<'d>,
    path: String,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Field<'d> {
    pub(super) fn text(&self) -> Option<&'d str> {
        let text = self.value.get_ref().as_str();
        self.or_type(text, "a string")
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.get_ref().as_bool();
        self.or_type(flag, "true or false")
    }

    /// A whole number of `range`.
    pub(super) fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let integer = self.value.get_ref().as_integer();
        let integer = self.or_type(integer, &expected)?;
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(format!("{integer} is out of range"), format!("expected {expected}"));
        }
        number
    }

    /// What `parse` makes of the text; `expected` completes "expected …".
    pub(super) fn parsed<T>(&self, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.value.get_ref().as_str();
        let text = self.or_type(text, expected)?;
        let value = parse(text);
        if value.is_none() {
            self.refuse(format!("\"{text}\" does not fit"), format!("expected {expected}"));
        }
        value
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let text = self.value.get_ref().as_str();
        let text = self.or_type(text, &expected)?;
        let found = words.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
        if found.is_none() {
            let near = nearest(text, &names).map(|near| format!("did you mean \"{near}\"? "));
            self.refuse(
                format!("\"{text}\" is unknown"),
                format!("{}expected {expected}", near.unwrap_or_default()),
            );
        }
        found
    }

    pub(super) fn list(self) -> Vec<Self> {
        self.items().unwrap_or_default()
    }

    /// The same; `None` if it is no list.
    pub(super) fn items(self) -> Option<Vec<Self>> {
        let array = self.value.get_ref().as_array();
        let items = self.or_type(array, "an array")?.iter().enumerate();
        let path = |index: usize| format!("{}[{}]", self.path, index + 1);
        Some(items.map(|(index, value)| Self { document: self.document, path: path(index), value }).collect())
    }

    pub(super) fn section(self) -> Option<Section<'d>> {
        let table = self.value.get_ref().as_table();
        let table = self.or_type(table, "a table")?;
        Some(Section::new(self.document, self.path, Some(table), self.value.span().start))
    }

    /// A text that must not be shown, here or as `{ env = "NAME" }` in the environment.
    pub(super) fn secret(&self) -> Option<SecretString> {
        if let Some(text) = self.value.get_ref().as_str() {
            return Some(SecretString::from(text));
        }
        let section = self.clone().section_or("a string or { env = \"NAME\" }")?;
        let name = section.require("env", "name an environment variable: { env = \"NAME\" }");
        section.finish();
        let name = name?;
        let variable = name.text()?;
        let value = (self.document.environment)(variable);
        if value.is_none() {
            name.refuse(format!("the environment has no {variable}"), "set it before starting");
        }
        value.map(SecretString::from)
    }

    /// Refuses a value that another key of the same `kind` has already.
    pub(super) fn claim(&self, kind: &'static str, value: impl ToString) {
        let at = self.value.span().start;
        let key = (kind, value.to_string());
        let first = *self.document.taken.borrow_mut().entry(key).or_insert(at);
        if first != at {
            let line = self.document.line(first);
            self.refuse(
                format!("doubled {kind}"),
                format!("line {line} has it already; every {kind} is used once"),
            );
        }
    }

    pub(super) fn refuse(&self, what: impl Into<String>, fix: impl Into<String>) {
        self.document.note(self.value.span().start, &self.path, what.into(), fix.into());
    }

    fn section_or(self, expected: &str) -> Option<Section<'d>> {
        self.or_type(self.value.get_ref().as_table(), expected)?;
        self.section()
    }

    fn or_type<T>(&self, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            let found = self.value.get_ref().type_str();
            self.refuse(format!("this is {} {found}", article(found)), format!("expected {expected}"));
        }
        value
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The one of `known` that `name` was probably meant to be.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|known| (similarity(name, known), *known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= SIMILAR_ENOUGH).then_some(best.1)
}

/// From 0 to 1. Jaro-Winkler alone would miss swapped letters in short words (`goe`) and left-out parts (`regime`).
fn similarity(name: &str, known: &str) -> f64 {
    let typo = strsim::damerau_levenshtein(name, known) <= 1 + name.len() / 6;
    let part = name.len() >= 3 && (known.contains(name) || name.contains(known));
    let floor = if typo || part { SIMILAR_ENOUGH } else { 0.0 };
    strsim::jaro_winkler(name, known).max(floor)
}

const SIMILAR_ENOUGH: f64 = 0.8;
