//! HTTP/2 with clients that do not behave: frames by hand.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use pixelgate::http::limits::Limits;
use pixelgate::http::server_metrics::Phase;

use super::harness::Edge;
use super::secure::{Identity, TlsClient};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(600);
const LATE: Duration = Duration::from_secs(10);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface and empty settings.
fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()
}

/// `:method: GET|POST`, `:scheme: https`, `:path: <path>`, `:authority: x` as HPACK (RFC 7541, appendix A).
fn head(method: u8, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("a short path");
    [&[method, 0x87, 0x04, length], path.as_bytes(), b"\x01\x01x"].concat()
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(GET, path))
}

/// Frames until the end: kind, flags, stream, payload.
fn frames(client: &mut TlsClient) -> Vec<(u8, u8, u32, Vec<u8>)> {
    std::iter::from_fn(|| next_frame(client)).collect()
}

fn next_frame(client: &mut TlsClient) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut header = [0; 9];
    client.io.read_exact(&mut header).ok()?;
    let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
    let mut payload = vec![0; length as usize];
    client.io.read_exact(&mut payload).ok()?;
    let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
    Some((header[3], header[4], stream, payload))
}

fn patient() -> Limits {
    Limits {
        first_byte: LONG,
        body: LONG,
        body_grace: LONG,
        write_stall: LONG,
        linger: SHORT,
        idle: LONG,
        age: LONG,
        ..Limits::default()
    }
}

/// Sends `bytes`, and expects to be let go in time and not before it, while another client is served.
#[track_caller]
fn check_gone(limits: Limits, phase: Phase, bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let identity = Identity::new();
    let (edge, _) = identity.edge(limits);
    let mut client = identity.connect(&edge, b"h2");
    let started = Instant::now();
    client.send(bytes);
    check_alive(&identity, &edge);
    let got = frames(&mut client);
    let waited = started.elapsed();
    assert!(waited >= SHORT / 2 && waited < LATE, "{waited:?}");
    assert!(edge.options.metrics.deadlines(phase).get() >= 1, "{phase:?} is not counted");
    check_alive(&identity, &edge);
    got
}

#[track_caller]
fn check_alive(identity: &Identity, edge: &Edge) {
    let mut good = identity.connect(edge, b"http/1.1");
    good.send(b"GET /hot HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(good.answer().status, 200);
}

#[test]
fn who_says_nothing_is_gone() {
    let limits = Limits { first_byte: SHORT, ..patient() };
    check_gone(limits.clone(), Phase::FirstByte, b"");
    check_gone(limits.clone(), Phase::FirstByte, &PREFACE[..10]);
    check_gone(limits, Phase::FirstByte, &hello());
}

#[test]
fn who_never_finishes_a_head_is_gone() {
    let unfinished = frame(HEADERS, 0, 1, &head(GET, "/hot"));
    let limits = Limits { first_byte: SHORT, ..patient() };
    check_gone(limits, Phase::FirstByte, &[hello(), unfinished.clone()].concat());
    let limits = Limits { idle: SHORT, ..patient() };
    let after_one = [hello(), get(1, "/hot"), frame(HEADERS, 0, 3, &head(GET, "/hot"))].concat();
    check_gone(limits, Phase::Idle, &after_one);
}

#[test]
fn who_asks_no_more_is_gone_however_often_it_pings() {
    let limits = Limits { idle: SHORT, ..patient() };
    let pings = frame(PING, 0, 0, b"12345678").repeat(20);
    let got = check_gone(limits, Phase::Idle, &[hello(), get(1, "/hot"), pings].concat());
    let answered =
        got.iter().any(|(kind, flags, stream, _)| (*kind, flags & END_STREAM, *stream) == (DATA, 1, 1));
    assert!(answered, "{got:?}");
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let limits = Limits { body_grace: SHORT, idle: SHORT, ..patient() };
    let head = frame(HEADERS, END_HEADERS, 1, &head(POST, "/p"));
    let some = frame(DATA, 0, 1, b"ab");
    check_gone(limits, Phase::Body, &[hello(), head, some].concat());
}

#[test]
fn who_opens_no_window_for_its_answers_is_gone() {
    let no_window = frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0");
    let limits = Limits { idle: SHORT, ..patient() };
    check_gone(limits, Phase::Idle, &[PREFACE, &no_window, &get(1, "/hot/big")].concat());
}

#[test]
fn who_does_not_read_is_gone() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits { write_stall: SHORT, ..patient() });
    let mut client = identity.connect(&edge, b"h2");
    let wide = frame(SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff");
    let wider = frame(8, 0, 0, b"\x7f\0\0\0");
    client.send(&[PREFACE, &wide, &wider, &get(1, "/big")].concat());
    edge.wait_until("the connection is closed", || {
        edge.answered() == 1 && edge.options.metrics.connections_open.get() == 0
    });
    check_alive(&identity, &edge);
}

#[test]
fn an_old_connection_is_gone() {
    check_gone(Limits { age: SHORT, ..patient() }, Phase::Age, &[hello(), get(1, "/hot")].concat());
}

#[test]
fn the_server_tells_its_limits() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    let mut client = identity.connect(&edge, b"h2");
    client.send(&hello());
    let (kind, _, _, payload) = next_frame(&mut client).unwrap();
    assert_eq!(kind, SETTINGS);
    let settings: Vec<_> = payload
        .chunks(6)
        .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
        .collect();
    // Streams, window, header list (RFC 9113, section 6.5.2).
    for expect in [(3, 64), (4, 64 * 1024), (6, 16 * 1024)] {
        assert!(settings.contains(&expect), "{settings:?}");
    }
}

#[test]
fn a_stream_past_the_limit_is_refused() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    let mut client = identity.connect(&edge, b"h2");
    let streams = (0..65).map(|n| get(2 * n + 1, "/wait"));
    client.send(&[hello(), streams.collect::<Vec<_>>().concat()].concat());
    edge.wait_for_waiting(64);
    let refused =
        std::iter::from_fn(|| next_frame(&mut client)).find(|(kind, ..)| *kind == RST_STREAM).unwrap();
    assert_eq!((refused.2, refused.3), (129, vec![0, 0, 0, 7]), "REFUSED_STREAM");
    edge.echo.gate.add_permits(64);
    edge.wait_until("all others are answered", || edge.answered() == 64);
}

#[test]
fn who_opens_and_resets_streams_in_a_rush_is_cut_off() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    let mut client = identity.connect(&edge, b"h2");
    let cancel = |stream| frame(RST_STREAM, 0, stream, b"\0\0\0\x08");
    let rush = (0..500).flat_map(|n| [get(2 * n + 1, "/wait"), cancel(2 * n + 1)]);
    client.send(&[hello(), rush.collect::<Vec<_>>().concat()].concat());
    let got = frames(&mut client);
    let farewell = got.iter().find(|(kind, ..)| *kind == GOAWAY).expect("it says why it goes");
    assert_eq!(farewell.3[4..8], [0, 0, 0, 11], "ENHANCE_YOUR_CALM");
    check_alive(&identity, &edge);
    edge.echo.gate.add_permits(500);
}

#[test]
fn frames_that_are_none_end_the_connection() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    for bytes in [
        b"GET /hot HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        [hello(), vec![0xff; 64]].concat(),
        [hello(), frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff")].concat(),
        [hello(), frame(HEADERS, END_HEADERS | END_STREAM, 2, &head(GET, "/hot"))].concat(),
    ] {
        let mut client = identity.connect(&edge, b"h2");
        client.io.write_all(&bytes).unwrap();
        let got = frames(&mut client);
        assert!(got.iter().all(|(kind, ..)| *kind != HEADERS), "{got:?}");
    }
    assert_eq!(edge.answered(), 0);
    check_alive(&identity, &edge);
}
