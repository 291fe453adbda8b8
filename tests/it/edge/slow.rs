//! Clients that take their time are gone by their deadline, and nobody else notices.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use pixelgate::http::limits::Limits;
use pixelgate::http::server::ServerOptions;
use pixelgate::http::server_metrics::Phase;

use super::harness::{Client, Edge};
use super::secure::Identity;

/// The deadline under test. All others are far off, so none of them can be what ends the wait.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(600);
/// For a machine that is busy with other tests.
const LATE: Duration = Duration::from_secs(10);

fn patient() -> Limits {
    Limits {
        first_byte: LONG,
        head: LONG,
        tls_handshake: LONG,
        body: LONG,
        body_grace: LONG,
        write_stall: LONG,
        idle: LONG,
        age: LONG,
        ..Limits::default()
    }
}

/// Both transports: sends `bytes`, expects `answers`, and then to be let go, in time and not before it.
#[track_caller]
fn check(limits: &Limits, phase: Phase, bytes: &[u8], answers: &[u16]) {
    let edge = Edge::start(ServerOptions { limits: limits.clone(), ..ServerOptions::default() });
    check_client(&edge, edge.connect(), phase, bytes, answers);
    edge.check_alive();

    let identity = Identity::new();
    let (edge, _) = identity.edge(limits.clone());
    check_client(&edge, identity.connect(&edge, b"http/1.1"), phase, bytes, answers);
    let mut good = identity.connect(&edge, b"http/1.1");
    good.send(GET);
    assert_eq!(good.answer().status, 200);
}

#[track_caller]
fn check_client<IO: Read + Write>(
    edge: &Edge,
    mut client: Client<IO>,
    phase: Phase,
    bytes: &[u8],
    answers: &[u16],
) {
    let started = Instant::now();
    client.send(bytes);
    let got: Vec<_> = client.answers().iter().map(|answer| answer.status).collect();
    let waited = started.elapsed();
    assert_eq!(got, answers);
    assert!(waited >= SHORT / 2 && waited < LATE, "{waited:?}");
    edge.wait_until("the deadline is counted", || edge.options.metrics.deadlines(phase).get() == 1);
}

const GET: &[u8] = b"GET /hot HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn who_says_nothing_is_gone() {
    check(&Limits { first_byte: SHORT, ..patient() }, Phase::FirstByte, b"", &[]);
}

#[test]
fn who_never_finishes_the_head_is_gone() {
    let limits = Limits { head: SHORT, ..patient() };
    check(&limits, Phase::Head, b"GET", &[]);
    check(&limits, Phase::Head, b"GET /hot HTTP/1.1\r\nHost: x\r\n", &[]);
    check(&limits, Phase::Head, &[GET, b"G"].concat(), &[200]);
}

#[test]
fn a_byte_now_and_then_does_not_help() {
    let edge =
        Edge::start(ServerOptions { limits: Limits { head: SHORT, ..patient() }, ..Default::default() });
    let mut client = edge.connect();
    client.io.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let started = Instant::now();
    client.send(b"GET /");
    while started.elapsed() < LATE {
        client.send(b"a");
        match client.io.read(&mut [0; 64]) {
            Ok(0) => break,
            Ok(_) => panic!("no answer is due"),
            // Nothing in 20 ms: it waits on.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    assert!(started.elapsed() >= SHORT / 2 && started.elapsed() < LATE, "{:?}", started.elapsed());
    assert_eq!(edge.options.metrics.deadlines(Phase::Head).get(), 1);
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let limits = Limits { body_grace: SHORT, ..patient() };
    let head = b"POST /p HTTP/1.1\r\nHost: x\r\n";
    let length = [head, b"Content-Length: 9\r\n\r\n".as_slice(), b"ab"].concat();
    check(&limits, Phase::Body, &length, &[408]);
    let chunked = [head, b"Transfer-Encoding: chunked\r\n\r\n".as_slice(), b"5\r\nab"].concat();
    check(&limits, Phase::Body, &chunked, &[408]);
}

#[test]
fn even_a_fast_body_must_end() {
    let limits = Limits { body: SHORT, ..patient() };
    let request = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n";
    check(&limits, Phase::Body, &[request.as_slice(), &[b'a'; 59_999]].concat(), &[408]);
}

#[test]
fn who_asks_no_more_is_gone() {
    let limits = Limits { idle: SHORT, ..patient() };
    check(&limits, Phase::Idle, GET, &[200]);
    check(&limits, Phase::Idle, b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", &[200]);
}

#[test]
fn an_old_connection_is_gone() {
    check(&Limits { age: SHORT, ..patient() }, Phase::Age, GET, &[200]);
}

#[test]
fn an_old_connection_in_use_ends_after_its_answer() {
    let edge =
        Edge::start(ServerOptions { limits: Limits { age: SHORT, ..patient() }, ..Default::default() });
    let mut client = edge.connect();
    let started = Instant::now();
    client.send(b"GET /hot/wait HTTP/1.1\r\nHost: x\r\n\r\n");
    edge.wait_for_waiting(1);
    edge.wait_until("the connection is old", || started.elapsed() > SHORT);
    edge.echo.gate.add_permits(1);
    assert_eq!(client.answer().status, 200);
    client.check_closed();
}

#[test]
fn an_old_connection_that_is_never_idle_is_gone() {
    let edge =
        Edge::start(ServerOptions { limits: Limits { age: SHORT, ..patient() }, ..Default::default() });
    let mut client = edge.connect();
    let started = Instant::now();
    client.send(b"G");
    // There is always the beginning of one more request.
    while started.elapsed() < LATE {
        client.send(&[&GET[1..], b"G"].concat());
        if client.next_answer(false).is_none_or(|answer| answer.closes()) {
            break;
        }
    }
    assert!(started.elapsed() >= SHORT && started.elapsed() < LATE, "{:?}", started.elapsed());
}

#[test]
fn the_idle_time_starts_after_the_answer() {
    let edge =
        Edge::start(ServerOptions { limits: Limits { idle: SHORT, ..patient() }, ..Default::default() });
    let mut client = edge.connect();
    let started = Instant::now();
    client.send(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na");
    edge.wait_for_waiting(1);
    edge.wait_until("the idle time would be over", || started.elapsed() > SHORT);
    edge.echo.gate.add_permits(1);
    assert_eq!(client.answer().status, 200);
    let answered = Instant::now();
    client.check_closed();
    assert!(answered.elapsed() >= SHORT / 2, "{:?}", answered.elapsed());
}

#[test]
fn who_does_not_read_is_gone() {
    let limits = Limits { write_stall: SHORT, ..patient() };
    for path in ["/hot/big", "/big"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let edge = Edge::start(ServerOptions { limits: limits.clone(), ..ServerOptions::default() });
        let mut client = edge.connect();
        check_not_reading(&edge, &mut client, request.as_bytes());
        edge.check_alive();

        let identity = Identity::new();
        let (edge, _) = identity.edge(limits.clone());
        let mut client = identity.connect(&edge, b"http/1.1");
        check_not_reading(&edge, &mut client, request.as_bytes());
    }
}

#[track_caller]
fn check_not_reading<IO: Read + Write>(edge: &Edge, client: &mut Client<IO>, request: &[u8]) {
    client.send(request);
    edge.wait_until("the stall is counted", || edge.options.metrics.deadlines(Phase::Write).get() == 1);
    edge.wait_until("the connection is closed", || edge.options.metrics.connections_open.get() == 0);
}

#[test]
fn who_never_shakes_hands_is_gone() {
    let identity = Identity::new();
    for bytes in [b"".as_slice(), b"\x16\x03\x01\x02\0\x01"] {
        let (edge, _) = identity.edge(Limits { tls_handshake: SHORT, ..patient() });
        check_client(&edge, edge.connect(), Phase::TlsHandshake, bytes, &[]);
    }
}

#[test]
fn a_thousand_slow_clients_harm_nobody() {
    let limits = Limits { connections_per_address_max: 2_000, ..patient() };
    let edge = Edge::start(ServerOptions { limits, ..Default::default() });
    let mut slow: Vec<_> = (0..1_000).map(|_| edge.connect()).collect();
    for client in &mut slow {
        client.send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na");
    }
    let started = Instant::now();
    for _ in 0..100 {
        edge.check_alive();
    }
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
    assert_eq!(edge.answered(), 100);
}
