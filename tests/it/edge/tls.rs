//! TLS: versions, protocols, certificates.

use pixelgate::http::limits::Limits;
use pixelgate::http::tls::{TlsError, load};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls;

use super::harness::Edge;
use super::secure::Identity;

const GET: &[u8] = b"GET /hot HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[track_caller]
fn check_http1(version: &'static SupportedProtocolVersion, alpn: &[&[u8]]) {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    let mut client = identity.try_connect(&edge, version, alpn).expect("a handshake");
    for _ in 0..2 {
        client.send(GET);
        assert_eq!(client.answer().text(), "GET /hot? host=localhost body=0:\n");
        client.send(b"POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(client.answer().text(), "POST /p? host=localhost body=2:hi\n");
    }
    client.send(b"GET /hot HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    client.check_closed();
}

#[test]
fn http1_is_served_over_tls_1_2_and_1_3() {
    for version in [&TLS12, &TLS13] {
        check_http1(version, &[b"http/1.1"]);
        check_http1(version, &[]);
    }
}

#[test]
fn the_protocol_is_the_servers_choice_among_the_clients() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    let protocol = |alpn: &[&[u8]]| {
        let client = identity.try_connect(&edge, &TLS13, alpn)?;
        Ok::<_, std::io::Error>(client.io.conn.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(protocol(&[b"http/1.1", b"h2"]).unwrap().as_deref(), Some(b"h2".as_slice()));
    assert_eq!(protocol(&[b"http/1.1"]).unwrap().as_deref(), Some(b"http/1.1".as_slice()));
    assert_eq!(protocol(&[]).unwrap(), None);
    assert!(protocol(&[b"h3"]).is_err());
}

#[test]
fn plain_http_on_a_tls_port_gets_no_answer() {
    let identity = Identity::new();
    let (edge, _) = identity.edge(Limits::default());
    let mut client = edge.connect();
    client.send(GET);
    let mut alert = Vec::new();
    let _ = std::io::Read::read_to_end(&mut client.io, &mut alert);
    assert!(!alert.starts_with(b"HTTP"), "{alert:?}");
    edge.wait_until("it is counted", || edge.options.metrics.tls_failed.get() == 1);
    assert_eq!(edge.answered(), 0);
}

#[test]
fn a_swapped_certificate_is_used_by_the_next_connection_and_leaves_the_others_alone() {
    let (old, new) = (Identity::new(), Identity::new());
    let (edge, current) = old.edge(Limits::default());
    let mut before = old.connect(&edge, b"http/1.1");

    current.store(new.server());
    let mut after = new.connect(&edge, b"http/1.1");
    assert!(old.try_connect(&edge, &TLS13, &[]).is_err(), "the old certificate is still shown");
    for client in [&mut before, &mut after] {
        client.send(GET);
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn what_is_no_certificate_is_told_apart() {
    let (one, other) = (Identity::new(), Identity::new());
    let (chain, key) = (one.chain_pem.as_bytes(), one.key_pem.as_bytes());
    assert!(matches!(load(b"", key), Err(TlsError::NoCertificate)));
    assert!(matches!(load(b"-----BEGIN CERTIFICATE-----\n", key), Err(TlsError::Certificate(_))));
    assert!(matches!(load(chain, chain), Err(TlsError::Key(_))));
    assert!(matches!(load(chain, other.key_pem.as_bytes()), Err(TlsError::Unusable(_))));
    assert!(load(chain, key).is_ok());
}

#[test]
fn a_plain_port_knows_no_http2_with_prior_knowledge() {
    let edge = Edge::start(Default::default());
    let mut client = edge.connect();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_eq!(client.answer().status, 400);
    client.check_closed();
}
