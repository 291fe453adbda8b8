//! Answers, lanes, keep-alive.

use std::io::Write;

use pixelgate::http::server::ServerOptions;

use super::harness::{BODY_BYTES_MAX, Edge};

#[test]
fn both_lanes_answer_on_one_connection() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    for _ in 0..3 {
        client.send(b"GET /hot?a=1&b HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        assert_eq!(client.answer().text(), "GET /hot?a=1&b host=shop.example body=0:\n");
        client.send(b"POST /api HTTP/1.1\r\nHost: x:80\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.answer().text(), "POST /api? host=x:80 body=3:abc\n");
        client.send(b"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
        assert_eq!(client.answer().text(), "PUT /c? host=x body=5:abcde\n");
        client.send(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.answer().text(), "GET /page? host=x body=0:\n");
    }
    let metrics = &edge.options.metrics;
    assert_eq!((metrics.requests_hot.get(), metrics.requests_hyper.get()), (3, 9));
    assert_eq!(metrics.connections_open.get(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    let mut requests = Vec::new();
    for n in 0..50 {
        write!(requests, "GET /hot/{n} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        write!(requests, "POST /p/{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    }
    client.send(&requests);
    for n in 0..50 {
        assert_eq!(client.answer().text(), format!("GET /hot/{n}? host=x body=0:\n"));
        assert_eq!(client.answer().text(), format!("POST /p/{n}? host=x body=2:hi\n"));
    }
}

#[test]
fn the_answer_to_a_head_has_no_body_in_either_lane() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    for path in ["/hot", "/page"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let got = client.next_answer(true).unwrap();
        let expect = format!("HEAD {path}? host=x body=0:\n").len().to_string();
        assert_eq!((got.status, got.header("content-length")), (200, Some(expect.as_str())));
    }
    client.send(b"GET /hot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(client.answer().closes());
    client.check_closed();
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    client.send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut client.io, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hi");
    assert_eq!(client.answer().text(), "POST /p? host=x body=2:hi\n");
}

#[test]
fn a_body_may_be_as_long_as_its_path_allows_and_no_longer() {
    let edge = Edge::start(ServerOptions::default());
    let chunk = |bytes: usize| format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", "y".repeat(bytes));
    let with_length = |bytes: usize| format!("Content-Length: {bytes}\r\n\r\n{}", "y".repeat(bytes));
    for (bytes, status) in [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)] {
        for rest in [with_length(bytes), format!("Transfer-Encoding: chunked\r\n\r\n{}", chunk(bytes))] {
            let mut client = edge.connect();
            client.send(format!("POST /p HTTP/1.1\r\nHost: x\r\n{rest}").as_bytes());
            let got = client.answer();
            assert_eq!((got.status, got.closes()), (status, status == 413));
        }
    }
    assert_eq!(edge.answered(), 2);
    edge.check_alive();
}

#[test]
fn a_refused_client_that_sends_on_is_not_reset_at_once() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    client.send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    client.check_closed();
    // A reset would make some systems drop the answer before their user has read it.
    for _ in 0..50 {
        client.io.write_all(&[b'a'; 10_000]).expect("the server reads on for a while");
    }
}

#[test]
fn a_hot_path_takes_no_body() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    client.send(b"GET /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    client.send(b"GET /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.answer().status, 413);
    client.check_closed();
}

#[test]
fn a_header_that_would_split_the_answer_is_left_out() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    for path in ["/hot/teapot", "/teapot"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let got = client.answer();
        assert_eq!((got.status, got.header("bad"), got.header("set-cookie")), (418, None, None));
    }
}

#[test]
fn a_large_answer_arrives_whole() {
    let edge = Edge::start(ServerOptions::default());
    let mut client = edge.connect();
    for path in ["/hot/big", "/big"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(client.answer().body.len(), super::harness::BIG_BYTES);
    }
}
