//! Rust source as a list of tokens and of the paths that it names: just enough to see who imports whom.
//!
//! Not a parser of Rust. It knows comments, texts, lifetimes, `use` trees, inline modules and `super`, and leaves out
//! every item marked `#[cfg(test)]`, because tests may build whatever they test with.

/// One source file with its tests left out.
pub(crate) struct Source {
    /// Relative to `src/`: `consent/gate.rs`.
    pub(crate) file: String,
    pub(crate) tokens: Vec<Token>,
    /// Every path of at least two segments, and every imported one; `crate`, `super` and `self` resolved.
    pub(crate) paths: Vec<Path>,
    /// Modules that are tests and live in a file of their own.
    pub(crate) test_modules: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word(String),
    /// What is between the quotes of a string, byte string or raw string.
    Text(String),
    /// `::` or one other character.
    Sign(&'static str),
    Other(char),
}

/// `["crate", "consent", "gate"]`, or with the name of another crate in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// Brought in by a `use`.
    pub(crate) imported: bool,
    /// By a `pub use`, to be seen from outside.
    pub(crate) exported: bool,
}

impl Source {
    pub(crate) fn parse(file: &str, text: &str) -> Self {
        let (tokens, test_modules) = without_tests(tokenize(text));
        let paths =
            Paths { tokens: &tokens, at: 0, modules: module_of(file), depths: Vec::new(), found: Vec::new() };
        let paths = paths.collect();
        Self { file: file.to_owned(), tokens, paths, test_modules }
    }

    /// The paths that start at another crate called `name`, unless a `use` of a module of that name hides it.
    pub(crate) fn paths_into<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Path> {
        let hides =
            |path: &Path| path.imported && path.segments.len() > 1 && path.segments.ends_with(&[name.into()]);
        let hidden = self.paths.iter().any(hides);
        self.paths.iter().filter(move |path| !hidden && path.segments[0] == name)
    }

    /// The first directory or file name: the layer.
    pub(crate) fn layer(&self) -> &str {
        self.file.split(['/', '.']).next().unwrap_or_default()
    }
}

impl Kind {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Sign(sign) => *sign == text,
            Self::Other(other) => text.chars().eq([*other]),
            Self::Text(_) => false,
        }
    }
}

/// The modules that a file stands for: `consent/gate.rs` is `consent::gate`, `consent/mod.rs` is `consent`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
}

fn tokenize(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1, tokens: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().expect("the caller saw that something is left");
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment_length(rest));
        } else if let Some((quote_at, hashes)) = raw_text(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = quote_at + 1;
            let length = rest[from..].find(&end).unwrap_or(rest.len() - from);
            self.push(
                Kind::Text(rest[from..from + length].to_owned()),
                (from + length + end.len()).min(rest.len()),
            );
        } else if first == '"' {
            let length = quoted_length(&rest[1..], '"');
            self.push(Kind::Text(rest[1..=length].to_owned()), (length + 2).min(rest.len()));
        } else if first == '\'' {
            self.skip(char_or_lifetime_length(rest));
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            self.push(Kind::Word(rest[..length].to_owned()), length);
        } else if rest.starts_with("::") {
            self.push(Kind::Sign("::"), 2);
        } else if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else {
            self.push(Kind::Other(first), first.len_utf8());
        }
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { line: self.line, kind });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

/// Where the quote of a raw text is, and how many `#` are before it. Not for `r#name`.
fn raw_text(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].bytes().take_while(|&byte| byte == b'#').count();
    let quote_at = prefix.len() + hashes;
    rest[quote_at..].starts_with('"').then_some((quote_at, hashes))
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Bytes before the closing `quote`.
fn quoted_length(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at,
            _ => {}
        }
    }
    inside.len() - 1
}

fn char_or_lifetime_length(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    let is_char = matches!((inside.next(), inside.next()), (Some('\\'), _) | (_, Some('\'')));
    if is_char { quoted_length(&rest[1..], '\'') + 2 } else { 1 }
}

/// Takes out the items marked `#[cfg(test)]`; also the names of those that are modules elsewhere.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<String>) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let here = &tokens[at..];
        let marked =
            here.len() >= MARK.len() && MARK.iter().zip(here).all(|(mark, token)| token.kind.is(mark));
        if !marked {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let item = &here[MARK.len()..];
        let length = item_length(item);
        if let [.., module, end] = &item[..length]
            && end.kind.is(";")
            && item[..length].iter().any(|token| token.kind.is("mod"))
            && let Kind::Word(name) = &module.kind
        {
            modules.push(name.clone());
        }
        at += MARK.len() + length;
    }
    (kept, modules)
}

/// Up to and with the `;` or the closing brace of the item that begins here.
fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Other('{' | '(' | '[') => depth += 1,
            Kind::Other('}' | ')' | ']') => depth -= 1,
            _ => {}
        }
        if depth == 0 && (token.kind.is(";") || token.kind.is("}")) {
            return at + 1;
        }
    }
    tokens.len()
}

struct Paths<'t> {
    tokens: &'t [Token],
    at: usize,
    modules: Vec<String>,
    /// For each open brace, whether it opened an inline module.
    depths: Vec<bool>,
    found: Vec<Path>,
}

impl Paths<'_> {
    fn collect(mut self) -> Vec<Path> {
        while self.at < self.tokens.len() {
            self.step();
        }
        self.found
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind.is(text))
    }

    fn word(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn step(&mut self) {
        let at = self.at;
        if self.is(at, "mod") && self.is(at + 2, "{") {
            self.modules.push(self.word(at + 1).unwrap_or_default().to_owned());
            self.depths.push(true);
            self.at += 3;
        } else if self.is(at, "{") {
            self.depths.push(false);
            self.at += 1;
        } else if self.is(at, "}") {
            if self.depths.pop() == Some(true) {
                self.modules.pop();
            }
            self.at += 1;
        } else if self.is(at, "use") && !self.is(at + 1, "<") {
            let exported = at > 0 && (self.is(at - 1, "pub") || self.is(at - 1, ")"));
            self.at += 1;
            self.tree(&[], exported);
        } else if self.word(at).is_some() && self.is(at + 1, "::") {
            self.inline();
        } else {
            self.at += 1;
        }
    }

    /// One branch of a `use` tree, up to the `,`, `}` or `;` behind it.
    fn tree(&mut self, before: &[String], exported: bool) {
        let mut segments = before.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        while self.at < self.tokens.len() {
            if self.is(self.at, "{") {
                return self.branches(&segments, exported);
            } else if self.is(self.at, ",") || self.is(self.at, "}") || self.is(self.at, ";") {
                break;
            } else if self.is(self.at, "as") {
                self.at += 1;
            } else if self.is(self.at, "*") {
                segments.push("*".to_owned());
            } else if let Some(word) = self.word(self.at) {
                segments.push(word.to_owned());
            }
            self.at += 1;
        }
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        self.add(Path { line, segments, imported: true, exported });
    }

    fn branches(&mut self, before: &[String], exported: bool) {
        self.at += 1;
        while self.at < self.tokens.len() && !self.is(self.at, "}") {
            self.tree(before, exported);
            if self.is(self.at, ",") {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    fn inline(&mut self) {
        let start = self.at;
        let line = self.tokens[start].line;
        let mut segments = vec![self.word(start).unwrap_or_default().to_owned()];
        self.at += 1;
        while self.is(self.at, "::") {
            let Some(word) = self.word(self.at + 1) else { break };
            segments.push(word.to_owned());
            self.at += 2;
        }
        // Behind `::` it is the tail of `<T as Trait>::Item::NAME` or of `::name`; the latter starts at a crate.
        let tail = start > 0 && self.is(start - 1, "::");
        let global = start > 1 && !self.is(start - 2, ">") && self.word(start - 2).is_none();
        if !tail || global {
            self.add(Path { line, segments, imported: false, exported: false });
        }
    }

    fn add(&mut self, path: Path) {
        let segments = self.resolve(path.segments);
        self.found.push(Path { segments, ..path });
    }

    fn resolve(&self, segments: Vec<String>) -> Vec<String> {
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let own = segments.first().is_some_and(|segment| segment == "self");
        if segments.first().is_some_and(|segment| segment == "pixelgate") {
            return std::iter::once("crate".to_owned()).chain(segments.into_iter().skip(1)).collect();
        }
        if ups == 0 && !own {
            return segments;
        }
        let here = &self.modules[..self.modules.len().saturating_sub(ups)];
        let rest = segments.into_iter().skip(ups.max(1));
        std::iter::once("crate".to_owned()).chain(here.iter().cloned()).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, text: &str, expect: &[&str]) {
        let paths = Source::parse(file, text).paths;
        let paths: Vec<_> = paths.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(paths, expect, "{text:?}");
    }

    #[test]
    fn every_way_to_name_a_path_is_seen() {
        check("http/pixel.rs", "use crate::service;", &["crate::service"]);
        check(
            "http/pixel.rs",
            "use crate::{a::{self, B as C}, d::*};",
            &["crate::a", "crate::a::B", "crate::d::*"],
        );
        check("http/pixel.rs", "fn f(x: &crate::storage::log::Log) {}", &["crate::storage::log::Log"]);
        check("http/pixel.rs", "use super::super::storage::log;", &["crate::storage::log"]);
        check("http/mod.rs", "use super::storage;", &["crate::storage"]);
        check("http/pixel.rs", "mod a { fn f() { super::super::x::y(); } }", &["crate::http::x::y"]);
        check("main.rs", "use pixelgate::cli;", &["crate::cli"]);
        check("a.rs", "fn f() { ::http::Uri::from(<T as A>::B::C); }", &["http::Uri::from"]);
        check("a.rs", "fn f() -> impl A + use<'_> { Vec::<crate::b::C>::new() }", &["Vec", "crate::b::C"]);
    }

    #[test]
    fn comments_texts_and_tests_do_not_count() {
        check("a.rs", "// crate::b::C\n/* crate::b /* x */ ::C */ /// crate::b::C\n", &[]);
        check("a.rs", r##"const A: &str = "crate::b::\"C"; const B: &str = r#"crate::b"::C"#;"##, &[]);
        check("a.rs", "fn f<'a>(x: &'a str) -> char { let _ = 'x'; '\\'' }", &[]);
        check(
            "a.rs",
            "#[cfg(test)]\nmod tests { use crate::b::C; fn f() {} }\nuse crate::d::E;",
            &["crate::d::E"],
        );
        let source = Source::parse("a.rs", "#[cfg(test)] mod history; use crate::d::E;");
        assert_eq!((source.test_modules, source.paths.len()), (vec!["history".to_owned()], 1));
    }
}
