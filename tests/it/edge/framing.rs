//! The framing corpus: every case gets one correct answer, or one refusal and the end.
//!
//! `tests/vectors/framing/*.txt`: `send` is what goes over the wire, `want` what comes back:
//! * `400`: this status, once, and the connection is closed; the request that follows is not answered,
//! * `200 TEXT`: this answer, and then the answer to the request that follows,
//! * `200 close TEXT`: this answer, and the connection is closed,
//! * `200 400 TEXT`: this answer, then the refusal of what follows it, and the connection is closed,
//! * `nothing`: closed without an answer.
//!
//! With `cut` at its end nothing follows, and the client closes its side. Escapes: `\r \n \t \0 \\ \xNN`, and
//! `\{TEXT*N}` for N times TEXT.

use std::net::Shutdown;

use pixelgate::http::limits::Limits;
use pixelgate::http::server::ServerOptions;

use super::harness::{Edge, Got};

const FILES: [(&str, &str); 9] = [
    ("request_line", include_str!("../../vectors/framing/request_line.txt")),
    ("target", include_str!("../../vectors/framing/target.txt")),
    ("host", include_str!("../../vectors/framing/host.txt")),
    ("headers", include_str!("../../vectors/framing/headers.txt")),
    ("length", include_str!("../../vectors/framing/length.txt")),
    ("encoding", include_str!("../../vectors/framing/encoding.txt")),
    ("chunks", include_str!("../../vectors/framing/chunks.txt")),
    ("limits", include_str!("../../vectors/framing/limits.txt")),
    ("connection", include_str!("../../vectors/framing/connection.txt")),
];

const NEXT: &str = "GET /hot/next HTTP/1.1\r\nHost: x\r\n\r\n";
const NEXT_ANSWER: &str = "GET /hot/next? host=x body=0:\n";

#[derive(Debug, Clone)]
struct Case {
    /// File and the sentence above the case.
    name: String,
    send: Vec<u8>,
    want: Want,
    cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Want {
    Nothing,
    Refusal(u16),
    Answer(String),
    AnswerAndClose(String),
    AnswerAndRefusal(String, u16),
}

#[test]
fn the_corpus_is_large_enough() {
    assert!(corpus().len() >= 200, "{}", corpus().len());
}

#[test]
fn every_case_sent_at_once_is_answered_once() {
    let edge = Edge::start(options());
    check(both_lanes().filter_map(|case| fault(&edge, &case, std::iter::once(case.send.as_slice()))));
    edge.check_alive();
}

#[test]
fn every_case_sent_byte_by_byte_is_answered_once() {
    let edge = Edge::start(options());
    let short = both_lanes().filter(|case| case.send.len() < 400);
    check(short.filter_map(|case| fault(&edge, &case, case.send.chunks(1))));
}

#[test]
fn some_cases_cut_in_two_at_every_byte_are_answered_once() {
    let edge = Edge::start(options());
    let cut_here = ["connection: ", "encoding: both", "chunks: a trailer", "chunks: an extension"];
    let chosen = both_lanes().filter(|case| cut_here.iter().any(|name| case.name.starts_with(name)));
    let cuts = chosen.flat_map(|case| (1..case.send.len()).map(move |at| (case.clone(), at)));
    check(cuts.filter_map(|(case, at)| {
        let (before, after) = case.send.split_at(at);
        fault(&edge, &case, [before, after].into_iter())
    }));
}

/// All clients come from one address.
fn options() -> ServerOptions {
    let limits = Limits { connections_per_address_max: 10_000, ..Limits::default() };
    ServerOptions { limits, ..ServerOptions::default() }
}

/// Sends the parts one by one. What is wrong with what came back, if anything is.
fn fault<'c>(edge: &Edge, case: &Case, parts: impl Iterator<Item = &'c [u8]>) -> Option<String> {
    let answered_before = edge.answered();
    let mut client = edge.connect();
    for part in parts {
        client.send(part);
    }
    if case.cut {
        let _ = client.io.shutdown(Shutdown::Write);
    } else {
        client.send(NEXT.as_bytes());
    }
    let mut got: Vec<_> =
        std::iter::from_fn(|| client.next_answer(false)).take(case.want.answers()).collect();
    if !matches!(case.want, Want::Answer(_)) {
        got.extend(client.answers());
    }
    let seen = edge.answered() - answered_before;
    let is_right = case.want.is(&got) && seen == case.want.reached_the_service();
    (!is_right)
        .then(|| format!("{}\nwant {:?}\ngot {got:?}, {seen} of them by the service", case.name, case.want))
}

/// All that is wrong, at once.
#[track_caller]
fn check(faults: impl Iterator<Item = String>) {
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "{} cases:\n{}", faults.len(), faults.join("\n\n"));
}

impl Want {
    const fn answers(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Refusal(_) | Self::AnswerAndClose(_) => 1,
            Self::Answer(_) | Self::AnswerAndRefusal(..) => 2,
        }
    }

    const fn reached_the_service(&self) -> usize {
        match self {
            Self::Nothing | Self::Refusal(_) => 0,
            Self::AnswerAndClose(_) | Self::AnswerAndRefusal(..) => 1,
            Self::Answer(_) => 2,
        }
    }

    fn is(&self, got: &[Got]) -> bool {
        let good = |got: &Got, text: &str, closes: bool| {
            got.status == 200 && got.closes() == closes && got.text().trim_end_matches('\n') == text
        };
        let refused = |got: &Got, status: u16| got.status == status && got.closes();
        match (self, got) {
            (Self::Nothing, []) => true,
            (Self::Refusal(status), [one]) => refused(one, *status),
            (Self::Answer(text), [one, next]) => good(one, text, false) && next.text() == NEXT_ANSWER,
            (Self::AnswerAndClose(text), [one]) => good(one, text, true),
            (Self::AnswerAndRefusal(text, status), [one, two]) => {
                good(one, text, false) && refused(two, *status)
            }
            _ => false,
        }
    }
}

/// All cases, and those about the hot lane once more through hyper.
fn both_lanes() -> impl Iterator<Item = Case> {
    corpus().into_iter().flat_map(|case| {
        let has_body = matches!(case.want, Want::Refusal(413));
        let other = replace(&case.send, b"/hot", b"/cld").filter(|_| !has_body);
        let other = other.map(|send| Case { name: format!("{} (hyper)", case.name), send, ..case.clone() });
        std::iter::once(case).chain(other.map(|mut case| {
            case.want = match case.want {
                Want::Answer(text) => Want::Answer(text.replace("/hot", "/cld")),
                Want::AnswerAndClose(text) => Want::AnswerAndClose(text.replace("/hot", "/cld")),
                Want::AnswerAndRefusal(text, status) => {
                    Want::AnswerAndRefusal(text.replace("/hot", "/cld"), status)
                }
                other => other,
            };
            case
        }))
    })
}

fn replace(bytes: &[u8], what: &[u8], with: &[u8]) -> Option<Vec<u8>> {
    let mut replaced = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(what.len() - 1) {
        if &bytes[at..at + what.len()] == what {
            replaced[at..at + what.len()].copy_from_slice(with);
        }
    }
    (replaced != bytes).then_some(replaced)
}

fn corpus() -> Vec<Case> {
    FILES.iter().flat_map(|&(file, text)| cases(file, text)).collect()
}

fn cases(file: &str, text: &str) -> Vec<Case> {
    let (mut cases, mut why, mut send) = (Vec::new(), "", None);
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.split_once(' ').expect("a keyword and the rest") {
            ("#", sentence) => why = sentence,
            ("send", bytes) => send = Some(unescape(bytes)),
            ("want", want) => cases.push(case(file, why, send.take().expect("`send` before `want`"), want)),
            (other, _) => panic!("{file}: what is {other}?"),
        }
    }
    cases
}

fn case(file: &str, why: &str, send: Vec<u8>, want: &str) -> Case {
    let (want, cut) = want.strip_suffix(" cut").map_or((want, false), |want| (want, true));
    // What the echo service says is escaped once more.
    let text = |escaped: &str| {
        let plain = String::from_utf8(unescape(escaped)).expect("answers are text");
        plain.escape_default().to_string().replace("\\'", "'").replace("\\\"", "\"")
    };
    let want = match want.split_once(' ') {
        None if want == "nothing" => Want::Nothing,
        None => Want::Refusal(want.parse().expect("a status")),
        Some(("200", rest)) => match rest.split_once(' ') {
            Some(("close", answer)) => Want::AnswerAndClose(text(answer)),
            Some((status, answer)) if status.len() == 3 && status.parse::<u16>().is_ok() => {
                Want::AnswerAndRefusal(text(answer), status.parse().expect("a status"))
            }
            _ => Want::Answer(text(rest)),
        },
        Some(_) => panic!("{file}: {why}: what is {want}?"),
    };
    Case { name: format!("{file}: {why}"), send, want, cut }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.strip_prefix('\\').and_then(|escape| escape.chars().next());
        rest = match after {
            None => {
                bytes.extend_from_slice(first.to_string().as_bytes());
                &rest[first.len_utf8()..]
            }
            Some('x') => {
                bytes.push(u8::from_str_radix(&rest[2..4], 16).expect("two hexadecimal digits"));
                &rest[4..]
            }
            Some('{') => {
                let end = closing_brace(&rest[2..]) + 2;
                let (inner, times) = rest[2..end].rsplit_once('*').expect("a number of times");
                bytes.extend(unescape(inner).repeat(times.parse().expect("a number")));
                &rest[end + 1..]
            }
            Some(letter) => {
                let simple = [('r', b'\r'), ('n', b'\n'), ('t', b'\t'), ('0', 0), ('\\', b'\\')];
                let known = simple.iter().find(|(known, _)| *known == letter);
                bytes.push(known.unwrap_or_else(|| panic!("what is \\{letter}?")).1);
                &rest[2..]
            }
        };
    }
    bytes
}

fn closing_brace(text: &str) -> usize {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        depth += match byte {
            b'{' => 1,
            b'}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return at;
        }
    }
    panic!("a brace is not closed")
}
