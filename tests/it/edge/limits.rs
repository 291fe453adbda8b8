//! Caps, rate limits, panics and the drain.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use pixelgate::http::limits::Limits;
use pixelgate::http::proxy::TrustedProxies;
use pixelgate::http::rate_limit::{Rate, RateLimits, Rates};
use pixelgate::http::server::{Drained, ServerOptions};
use prometheus_client::registry::Registry;

use super::harness::{Edge, Got};

fn with(limits: Limits) -> Edge {
    Edge::start(ServerOptions { limits, ..ServerOptions::default() })
}

fn get(edge: &Edge, path: &str, header: &str) -> Got {
    let mut client = edge.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n").as_bytes());
    client.answer()
}

#[track_caller]
fn check_cap(limits: Limits, cap: usize, reason: &'static str) {
    let edge = with(limits);
    let mut kept: Vec<_> = (0..cap).map(|_| edge.connect()).collect();
    for client in &mut kept {
        client.send(b"GET /hot HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
    edge.connect().check_closed();
    assert_eq!(edge.options.metrics.refused(reason).get(), 1);

    drop(kept.pop());
    edge.wait_until("a place is free", || edge.options.metrics.connections_open.get() < cap as i64);
    edge.check_alive();
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    check_cap(Limits { connections_per_address_max: 3, ..Limits::default() }, 3, "address");
    check_cap(Limits::default(), 256, "address");
}

#[test]
fn the_server_has_so_many_connections_and_no_more() {
    check_cap(Limits { connections_max: 3, ..Limits::default() }, 3, "connections");
}

#[test]
fn a_trusted_proxy_has_no_cap_of_its_own() {
    let limits = Limits { connections_per_address_max: 1, ..Limits::default() };
    let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let edge = Edge::start(ServerOptions { limits, proxies, ..ServerOptions::default() });
    let _kept = edge.connect();
    edge.check_alive();
}

#[test]
fn the_client_is_who_a_trusted_proxy_says_in_both_lanes() {
    let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let trusting = Edge::start(ServerOptions { proxies, ..ServerOptions::default() });
    let wary = Edge::start(ServerOptions::default());
    for path in ["/hot/client", "/client"] {
        let header = "X-Forwarded-For: 203.0.113.1, 198.51.100.7\r\n";
        assert_eq!(get(&trusting, path, header).text(), "198.51.100.7 true\n");
        assert_eq!(get(&wary, path, header).text(), "127.0.0.1 false\n");
    }
}

#[test]
fn bodies_have_room_for_so_many_bytes_together() {
    let edge = with(Limits { bodies_bytes_max: 100, ..Limits::default() });
    let mut first = edge.connect();
    first.send(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n");
    first.send(&[b'a'; 40]);
    edge.wait_for_waiting(1);
    for (bytes, status) in [(60, 200), (61, 503)] {
        let mut second = edge.connect();
        let body = "b".repeat(bytes);
        second
            .send(format!("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: {bytes}\r\n\r\n{body}").as_bytes());
        let got = second.answer();
        assert_eq!((got.status, got.header("retry-after")), (status, (status == 503).then_some("1")));
    }
    edge.echo.gate.add_permits(1);
    assert_eq!(first.answer().status, 200);
    edge.check_alive();
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let one = NonZeroU32::MIN;
    let rates = Rates { address: Some(Rate { per_second: one, burst: one }), ..Rates::default() };
    let limited = || {
        let rate_limits = Some(Arc::new(RateLimits::new(&rates)));
        let edge = Edge::start(ServerOptions { rate_limits, ..ServerOptions::default() });
        assert_eq!(get(&edge, "/hot", "").status, 200);
        edge
    };
    for (path, header, status, closes) in
        [("/hot", "", 503, false), ("/page", "", 429, false), ("/page", "Content-Length: 9\r\n", 429, true)]
    {
        let edge = limited();
        let got = get(&edge, path, header);
        assert_eq!((got.status, got.header("retry-after"), got.closes()), (status, Some("1"), closes));
        assert_eq!((edge.answered(), edge.options.metrics.rate_limited.get()), (1, 1));
    }
}

#[test]
fn a_panic_costs_one_answer() {
    let edge = with(Limits::default());
    let mut client = edge.connect();
    let mut other = edge.connect();
    let paths = ["/hot/panic", "/panic", "/hot/early-panic", "/early-panic", "/hot/worse", "/worse"];
    for path in paths {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let got = client.answer();
        assert_eq!((got.status, got.closes()), (500, false), "{path}");
        for live in [&mut client, &mut other] {
            live.send(b"GET /hot HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(live.answer().status, 200, "{path}");
        }
    }
    assert_eq!(edge.options.metrics.panics.get(), paths.len() as u64);
}

#[test]
fn a_panic_before_a_body_is_read_is_answered_and_ends_the_connection() {
    let edge = with(Limits::default());
    let mut client = edge.connect();
    client.send(b"POST /worse HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    let got = client.answer();
    assert_eq!((got.status, got.closes(), edge.options.metrics.panics.get()), (500, true, 1));
}

#[test]
fn a_panic_behind_a_journey_costs_one_connection() {
    let edge = with(Limits::default());
    let mut client = edge.connect();
    client.send(b"GET /hot/late-panic HTTP/1.1\r\nHost: x\r\n\r\n");
    client.check_closed();
    edge.wait_until("it is counted", || edge.options.metrics.panics.get() == 1);
    assert_eq!(edge.options.metrics.connections_open.get(), 0);
    edge.check_alive();
}

#[test]
fn a_drain_closes_who_is_idle_and_answers_who_is_not() {
    let mut edge = with(Limits::default());
    let mut idle = edge.connect();
    idle.send(b"GET /hot HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    let mut silent = edge.connect();
    let mut busy = [edge.connect(), edge.connect()];
    for (client, path) in busy.iter_mut().zip(["/hot/wait", "/wait"]) {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    edge.wait_for_waiting(2);

    edge.start_drain();
    idle.check_closed();
    silent.check_closed();
    assert!(std::net::TcpStream::connect(edge.address).is_err(), "the listener is still there");
    edge.echo.gate.add_permits(2);
    for client in &mut busy {
        let got = client.answer();
        assert_eq!((got.status, got.closes()), (200, true));
        client.check_closed();
    }
    assert_eq!(edge.drained(), Drained { cut_off: 0 });
}

#[test]
fn a_drain_ends_on_time() {
    let edge = with(Limits { drain: Duration::from_millis(100), ..Limits::default() });
    let mut stuck = edge.connect();
    stuck.send(b"GET /hot/wait HTTP/1.1\r\nHost: x\r\n\r\n");
    edge.wait_for_waiting(1);
    assert_eq!(edge.drained(), Drained { cut_off: 1 });
    stuck.check_closed();
}

#[test]
fn what_the_edge_counts_is_exported() {
    let edge = with(Limits::default());
    let mut registry = Registry::default();
    edge.options.metrics.register(&mut registry);
    assert_eq!(get(&edge, "/hot", "").status, 200);
    assert_eq!(get(&edge, "/hot", "Host: y\r\n").status, 400);

    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "pixelgate_edge_connections_total 2",
        "pixelgate_edge_requests_total{lane=\"hot\"} 1",
        "pixelgate_edge_requests_total{lane=\"h2\"} 0",
        "pixelgate_edge_faults_total{reason=\"host\"} 1",
        "pixelgate_edge_panics_total 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
