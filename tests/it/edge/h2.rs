//! HTTP/2 with a client that behaves.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pixelgate::http::limits::Limits;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::version::TLS13;

use super::harness::{BODY_BYTES_MAX, Edge};
use super::secure::{Identity, server_name};

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    text: String,
}

struct Session {
    sender: SendRequest<Full<Bytes>>,
    /// Ends when the server closes.
    connection: tokio::task::JoinHandle<bool>,
}

impl Session {
    async fn start(identity: &Identity, edge: &Edge) -> Self {
        let config = identity.client(&TLS13, &[b"h2"]);
        let socket = tokio::net::TcpStream::connect(edge.address).await.expect("the server listens");
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(server_name(), socket).await.expect("a handshake");
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .expect("a preface");
        Self { sender, connection: tokio::spawn(async move { connection.await.is_ok() }) }
    }

    async fn send(&self, request: http::request::Builder, body: &[u8]) -> Result<Answer, hyper::Error> {
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
        let mut sender = self.sender.clone();
        sender.ready().await?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, text })
    }

    async fn get(&self, target: &str) -> Answer {
        let request = http::Request::get(format!("https://localhost{target}"));
        self.send(request, b"").await.expect("an answer")
    }
}

fn run<F: Future>(limits: Limits, test: impl FnOnce(Identity, Edge) -> F) {
    let identity = Identity::new();
    let (edge, _) = identity.edge(limits);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test(identity, edge));
}

#[test]
fn http2_sees_the_same_head_and_body() {
    run(Limits::default(), async |identity, edge| {
        let session = Session::start(&identity, &edge).await;
        assert_eq!(session.get("/hot?a=1").await.text, "GET /hot?a=1 host=localhost body=0:\n");
        let answer = session.send(http::Request::post("https://localhost/p"), b"abc").await.unwrap();
        assert_eq!(answer.text, "POST /p? host=localhost body=3:abc\n");
        let answer = session.get("/teapot").await;
        assert_eq!((answer.status, answer.headers.get("bad")), (418, None));
        assert_eq!(session.get("/panic").await.status, 500);
        assert_eq!(session.get("/hot").await.status, 200);
        assert_eq!(edge.options.metrics.requests_h2.get(), 5);
    });
}

#[test]
fn a_panic_costs_one_answer_in_http2_too() {
    run(Limits::default(), async |identity, edge| {
        let session = Session::start(&identity, &edge).await;
        let other = Session::start(&identity, &edge).await;
        let paths = ["/panic", "/early-panic", "/hot/early-panic", "/worse", "/hot/worse"];
        for path in paths {
            assert_eq!(session.get(path).await.status, 500, "{path}");
            for live in [&session, &other] {
                assert_eq!(live.get("/hot").await.status, 200, "{path}");
            }
        }
        assert_eq!(edge.options.metrics.panics.get(), paths.len() as u64);
    });
}

#[test]
fn the_limits_of_a_request_hold_in_http2_too() {
    run(Limits::default(), async |identity, edge| {
        let session = Session::start(&identity, &edge).await;
        let status = async |request, body: &[u8]| session.send(request, body).await.unwrap().status;
        let get = |target: String| http::Request::get(format!("https://localhost{target}"));
        for (bytes, expect) in [(8192, 200), (8193, 414)] {
            assert_eq!(status(get(format!("/hot?{}", "a".repeat(bytes - 5))), b"").await, expect);
        }
        for (params, expect) in [(64, 200), (65, 414)] {
            assert_eq!(status(get(format!("/hot?{}", vec!["a"; params].join("&"))), b"").await, expect);
        }
        for (headers, expect) in [(63, 200), (64, 431)] {
            let many =
                (0..headers).fold(get("/hot".into()), |request, n| request.header(format!("h{n}"), "a"));
            assert_eq!(status(many, b"").await, expect, "and the host makes one more");
        }
        for (bytes, expect) in [(8192, 200), (8193, 431)] {
            let cookie = get("/hot".into()).header("cookie", "c".repeat(bytes));
            assert_eq!(status(cookie, b"").await, expect);
        }
        for (bytes, expect) in [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)] {
            assert_eq!(status(http::Request::post("https://localhost/p"), &vec![b'a'; bytes]).await, expect);
        }
        assert_eq!(status(http::Request::put("https://localhost/hot"), b"a").await, 200);
        assert_eq!(status(http::Request::get("https://localhost/hot"), b"a").await, 413);
        let odd = http::Request::builder().method("PROPFIND").uri("https://localhost/hot");
        assert_eq!(status(odd, b"").await, 501);
        let big = get("/hot".into()).header("a", "b".repeat(17 * 1024));
        assert_eq!(status(big, b"").await, 431);
    });
}

#[test]
fn a_host_must_agree_with_the_authority() {
    run(Limits::default(), async |identity, edge| {
        let session = Session::start(&identity, &edge).await;
        for (host, status) in [("localhost", 200), ("LOCALHOST", 200), ("other", 400)] {
            let request = http::Request::get("https://localhost/hot").header("host", host);
            assert_eq!(session.send(request, b"").await.unwrap().status, status, "{host}");
        }
        let user = http::Request::get("https://u@localhost/hot");
        assert_eq!(session.send(user, b"").await.unwrap().status, 400);
    });
}

#[test]
fn a_drain_lets_open_streams_finish() {
    run(Limits::default(), async |identity, mut edge| {
        let busy = Session::start(&identity, &edge).await;
        let idle = Session::start(&identity, &edge).await;
        assert_eq!(idle.get("/hot").await.status, 200);
        let waiting = async {
            let both = async { tokio::join!(busy.get("/hot/wait"), busy.get("/wait")) };
            let drain = async {
                edge.echo.waiting.acquire_many(2).await.unwrap().forget();
                edge.start_drain();
                assert!(idle.connection.await.unwrap(), "the idle one is closed in order");
                edge.echo.gate.add_permits(2);
            };
            tokio::join!(both, drain).0
        };
        let (hot, other) = waiting.await;
        assert_eq!((hot.status, other.status), (200, 200));
        assert!(busy.connection.await.unwrap(), "the busy one is closed in order, too");
        assert_eq!(edge.drained().cut_off, 0);
    });
}
