//! The strict parsers against plain models of what they may accept, with random input.

use pixelgate::http::chunks::ChunkChecker;
use pixelgate::http::fault::Fault;
use pixelgate::http::framing::{BodyFraming, HeaderSlots, check_unfinished, head_length, parse};
use pixelgate::http::limits::Limits;
use proptest::prelude::*;

use crate::seed::seeded;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..seeded() })]

    #[test]
    fn any_bytes_are_parsed_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = accept(&bytes);
        let _ = check_unfinished(&bytes, 0, &Limits::default());
        let _ = ChunkChecker::default().admit(&bytes);
    }

    #[test]
    fn what_is_accepted_is_accepted_by_the_model(head in head(), edits in edits()) {
        let bytes = edited(head.into_bytes(), edits);
        if let Ok((length, body, headers)) = accept(&bytes) {
            let model = model(&bytes[..length]);
            prop_assert_eq!(model, Ok((body, headers)), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_plain_head_is_accepted(head in plain_head()) {
        prop_assert!(accept(head.as_bytes()).is_ok(), "{}", head);
    }

    #[test]
    fn the_end_of_a_head_does_not_depend_on_how_it_comes(head in head(), edits in edits(), cut in any::<prop::sample::Index>()) {
        let bytes = edited(head.into_bytes(), edits);
        let cut = cut.index(bytes.len() + 1);
        let in_two = match head_length(&bytes[..cut], 0) {
            Ok(None) => head_length(&bytes, cut),
            early => early,
        };
        prop_assert_eq!(in_two, head_length(&bytes, 0));
    }

    #[test]
    fn chunks_end_where_the_model_says(sizes in prop::collection::vec(1..40_usize, 0..6), edits in edits(), step in 1..20_usize) {
        let mut bytes: Vec<u8> = sizes.iter().flat_map(|&size| chunk(size)).collect();
        bytes.extend_from_slice(b"0\r\n\r\nGET / HTTP/1.1\r\n");
        let bytes = edited(bytes, edits);
        let at_once = checked(&bytes, bytes.len());
        prop_assert_eq!(&checked(&bytes, step), &at_once);
        if let Ok(Some(length)) = at_once {
            prop_assert_eq!(chunked_length(&bytes), Some(length), "{}", bytes.escape_ascii());
        }
    }
}

type Accepted = (usize, BodyFraming, usize);

fn accept(bytes: &[u8]) -> Result<Accepted, Fault> {
    let length = head_length(bytes, 0)?.ok_or(Fault::RequestLine)?;
    let mut slots = HeaderSlots::new();
    let framed = parse(&bytes[..length], &mut slots, &Limits::default())?;
    Ok((length, framed.body, slots.len()))
}

fn line() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Host: x",
        "Host: shop.example:80",
        "host:y",
        "Content-Length: 3",
        "Content-Length: +3",
        "content-length: 3, 3",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "transfer-encoding:chunked",
        "Connection: close",
        "Upgrade: h2c",
        "Cookie: a=b",
        "A: b",
        " folded: c",
    ])
    .prop_map(str::to_owned)
}

fn head() -> impl Strategy<Value = String> {
    let first = prop::sample::select(vec![
        "GET /hot?a=1 HTTP/1.1",
        "POST / HTTP/1.1",
        "GET http://x/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET / HTTP/1.0",
    ]);
    (first, prop::collection::vec(line(), 0..6)).prop_map(|(first, lines)| {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        format!("{first}\r\nHost: x\r\n{lines}\r\n").replacen(
            "Host: x\r\n",
            if lines.contains("ost:") { "" } else { "Host: x\r\n" },
            1,
        )
    })
}

fn plain_head() -> impl Strategy<Value = String> {
    let name =
        "[a-zA-Z][a-zA-Z0-9-]{0,12}".prop_filter("names that matter have rules of their own", |name| {
            let known = ["host", "content-length", "transfer-encoding", "upgrade"];
            !known.contains(&name.to_ascii_lowercase().as_str())
        });
    let header = (name, "[!-~][ -~]{0,30}").prop_map(|(name, value)| format!("{name}: {value}\r\n"));
    let target = "/[a-zA-Z0-9/._~%-]{0,40}(\\?[a-zA-Z0-9=%\\[\\]{}\"<>|^`-]{0,40})?";
    (target, "[a-z0-9.-]{1,20}", prop::collection::vec(header, 0..20)).prop_map(|(target, host, headers)| {
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", headers.concat())
    })
}

/// Where, what to do, and with which byte.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let interesting = prop::sample::select(b"\r\n\t \0:;,/?#%+-0123abcF\x0b\x7f\x80\xff".to_vec());
    prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, interesting), 0..4)
}

fn edited(mut bytes: Vec<u8>, edits: Vec<(prop::sample::Index, u8, u8)>) -> Vec<u8> {
    for (at, what, byte) in edits {
        let at = at.index(bytes.len());
        match what {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        if bytes.is_empty() {
            bytes.push(byte);
        }
    }
    bytes
}

/// Reads a head by splitting it, without a thought for speed.
fn model(head: &[u8]) -> Result<(BodyFraming, usize), &'static str> {
    let text: String = head.iter().map(|&byte| byte as char).collect();
    let lines: Vec<&str> = text.split("\r\n").collect();
    let [first, headers @ .., "", ""] = lines.as_slice() else { return Err("no end") };
    if lines.iter().any(|line| line.contains(['\r', '\n', '\0', '\x7f'])) {
        return Err("something bare");
    }
    let [method, target, version] = first.split(' ').collect::<Vec<_>>()[..] else {
        return Err("request line");
    };
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
    if !known || !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
        return Err("method or target");
    }
    if !["HTTP/1.0", "HTTP/1.1"].contains(&version) || first.contains('\u{80}') {
        return Err("version");
    }
    let mut fields = Vec::new();
    for line in headers {
        let (name, value) = line.split_once(':').ok_or("no colon")?;
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte))
        {
            return Err("name");
        }
        fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])));
    }
    let named = |name: &str| {
        fields.iter().filter(|(known, _)| known == name).map(|(_, value)| *value).collect::<Vec<_>>()
    };
    let (hosts, lengths, encodings) = (named("host"), named("content-length"), named("transfer-encoding"));
    if hosts.len() > 1 || (hosts.is_empty() && version == "HTTP/1.1") {
        return Err("host");
    }
    let body = match (lengths.as_slice(), encodings.as_slice()) {
        ([], []) => BodyFraming::Length(0),
        ([length], []) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            BodyFraming::Length(length.parse().map_err(|_| "length")?)
        }
        ([], [encoding]) if encoding.eq_ignore_ascii_case("chunked") && version == "HTTP/1.1" => {
            BodyFraming::Chunked
        }
        _ => return Err("framing"),
    };
    Ok((body, fields.len()))
}

fn chunk(size: usize) -> Vec<u8> {
    format!("{size:x}\r\n{}\r\n", "d".repeat(size)).into_bytes()
}

/// The length of the body if it ends, fed `step` bytes at a time.
fn checked(bytes: &[u8], step: usize) -> Result<Option<usize>, Fault> {
    let mut checker = ChunkChecker::default();
    let mut length = 0;
    for part in bytes.chunks(step) {
        length += checker.admit(part)?;
        if checker.is_done() {
            return Ok(Some(length));
        }
    }
    Ok(None)
}

/// Reads chunks by searching for line ends. Trailers are not looked into.
fn chunked_length(bytes: &[u8]) -> Option<usize> {
    let line_end = |from: usize| bytes[from..].windows(2).position(|two| two == b"\r\n").map(|at| from + at);
    let mut at = 0;
    loop {
        let end = line_end(at)?;
        let line = std::str::from_utf8(&bytes[at..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        at = end + 2;
        if size == 0 {
            break;
        }
        (bytes.get(at + size..at + size + 2)? == b"\r\n").then_some(())?;
        at += size + 2;
    }
    loop {
        let end = line_end(at)?;
        if end == at {
            return Some(end + 2);
        }
        at = end + 2;
    }
}
