//! Requests of ours to other companies: what they never reach, and what `partner check` says of a partner.
//!
//! Real sockets, which count who connects.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixelgate::http::outbound::{
    Answer, Networks, Outbound, OutboundError, Resolve, Resolving, SystemResolver,
};
use tokio_rustls::rustls;

use crate::certificate::{certificate, server_config};

/// A server on every address of this machine that remembers by which one it was reached.
struct Server {
    port: u16,
    reached: Arc<Mutex<Vec<IpAddr>>>,
}

impl Server {
    /// `answer` makes the answer out of the request's target.
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        Self::serve(answer, |socket, talk| talk(&mut { socket }))
    }

    fn serve(
        answer: impl Fn(&str) -> String + Send + 'static,
        wrap: impl Fn(std::net::TcpStream, &dyn Fn(&mut dyn ReadWrite)) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let reached = Arc::new(Mutex::new(Vec::new()));
        let server = Self { port, reached: Arc::clone(&reached) };
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.expect("a connection");
                reached.lock().expect("no panic").push(socket.local_addr().expect("an address").ip());
                wrap(socket, &|stream| {
                    let mut line = String::new();
                    if BufReader::new(&mut *stream).read_line(&mut line).is_ok() {
                        let target = line.split(' ').nth(1).unwrap_or_default();
                        _ = stream.write_all(answer(target).as_bytes());
                        _ = stream.flush();
                    }
                });
            }
        });
        server
    }

    fn reached(&self) -> Vec<IpAddr> {
        self.reached.lock().expect("no panic").clone()
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn no_content(_: &str) -> String {
    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()
}

fn allowing(networks: &[&str], resolver: Arc<dyn Resolve>) -> Outbound {
    let allowed = networks.iter().map(|network| network.parse().expect("a network")).collect();
    Outbound::new(Networks { allowed }, resolver, Duration::from_secs(10))
}

fn get(outbound: &Outbound, address: &str) -> Result<Answer, OutboundError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(outbound.get(address))
}

/// A resolver that somebody else controls: one answer after the other, the last one for ever.
struct Hostile {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Hostile {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |text: &&str| text.parse().expect("an address");
        let answers = answers.iter().map(|answer| answer.iter().map(parse).collect()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Hostile {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Resolving<'a> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = &self.answers[asked.min(self.answers.len() - 1)];
        let addresses = answer.iter().map(|&address| SocketAddr::new(address, port)).collect();
        Box::pin(async { Ok(addresses) })
    }
}

/// One address at least of every range that is not public, and every way to write this machine.
const INSIDE: [&str; 42] = [
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "localhost",
    "LOCALHOST",
    "partner.localhost",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2001::7f00:1]",
    "[2001:db8::1]",
    "[2002:7f00:1::1]",
    "[3fff::1]",
    "[100::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fe80::1]",
    "[ff02::1]",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
];

#[test]
fn no_connection_leads_inside_however_the_host_is_written() {
    let server = Server::start(no_content);
    let outbound = allowing(&[], Arc::new(SystemResolver));
    for host in INSIDE {
        for scheme in ["http", "https"] {
            let answer = get(&outbound, &format!("{scheme}://{host}:{}/latest/meta-data", server.port));
            let refused = matches!(
                answer,
                Err(OutboundError::Inside | OutboundError::Address | OutboundError::Unresolved(_))
            );
            assert!(refused, "{scheme}://{host}: {answer:?}");
        }
    }
    assert_eq!(server.reached(), [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST); 0]);
}

#[test]
fn no_connection_leads_inside_whatever_a_name_resolves_to() {
    let server = Server::start(no_content);
    for inside in INSIDE {
        let Ok(address) = inside.trim_matches(['[', ']']).parse::<IpAddr>() else { continue };
        let text = address.to_string();
        let outbound = allowing(&["127.0.0.9/32"], Hostile::new(&[&[&text, &text]]));
        let answer = get(&outbound, &format!("https://partner.example:{}/", server.port));
        assert!(matches!(answer, Err(OutboundError::Inside)), "{inside}: {answer:?}");
    }
    assert!(server.reached().is_empty(), "{:?}", server.reached());
    // Of several addresses only that one is tried which may be.
    let outbound =
        allowing(&["127.0.0.9/32"], Hostile::new(&[&["127.0.0.1", "::1", "127.0.0.9", "10.0.0.1"]]));
    let answer =
        get(&outbound, &format!("http://partner.example:{}/", server.port)).expect("it may be reached");
    assert_eq!(answer, Answer { status: 204, location: None });
    assert_eq!(server.reached(), ["127.0.0.9".parse::<IpAddr>().expect("an address")]);
}

#[test]
fn a_name_that_is_bound_anew_between_check_and_connection_leads_nowhere_else() {
    let server = Server::start(no_content);
    let resolver = Hostile::new(&[&["127.0.0.9"], &["127.0.0.1"]]);
    let outbound = allowing(&["127.0.0.9/32"], Arc::clone(&resolver) as _);
    let address = format!("http://partner.example:{}/", server.port);
    assert_eq!(get(&outbound, &address).expect("it may be reached").status, 204);
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1, "who is asked twice may be told two things");
    for _ in 0..20 {
        let answer = get(&outbound, &address);
        assert!(matches!(answer, Err(OutboundError::Inside)), "{answer:?}");
    }
    assert_eq!(server.reached(), ["127.0.0.9".parse::<IpAddr>().expect("an address")]);
}

#[test]
fn what_is_no_address_of_a_server_is_refused_and_plain_http_stays_inside() {
    let outbound = allowing(&[], Hostile::new(&[&["93.184.216.34"]]));
    for address in [
        "",
        "partner.example",
        "/sync",
        "//partner.example/",
        "ftp://partner.example/",
        "file:///etc/passwd",
        "gopher://partner.example/",
        "https://",
        "https:///sync",
        "https://user:secret@partner.example/",
        "https://partner.example@127.0.0.1/",
        "https://partner.example/a b",
        "https://partner.example/\r\nX: y",
        "javascript:alert(1)",
    ] {
        let answer = get(&outbound, address);
        assert!(matches!(answer, Err(OutboundError::Address)), "{address:?}: {answer:?}");
    }
    let answer = get(&outbound, "http://partner.example/");
    assert!(matches!(answer, Err(OutboundError::Plain)), "{answer:?}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let allowed = vec!["127.0.0.0/8".parse().expect("a network")];
    let patience = Duration::from_millis(200);
    let outbound = Outbound::new(Networks { allowed }, Arc::new(SystemResolver), patience);
    for scheme in ["http", "https"] {
        let answer = get(&outbound, &format!("{scheme}://127.0.0.1:{port}/"));
        assert!(matches!(answer, Err(OutboundError::TooSlow(_))), "{scheme}: {answer:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "an operator's files are not in a data directory")]
fn write(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).expect("it takes a text");
}

/// A configuration with partner `strict` at `image`.
fn config(image: &str, allow: &str) -> tempfile::NamedTempFile {
    let text = pixelgate::config::DEV_TOML
        .replace("http://partner.localhost:9222/sync?puid={browser_id}&state={state}", image)
        .replace(r#"["127.0.0.0/8", "::1/128"]"#, allow)
        .replace("dev-admin-token", "an-admin-token-for-nothing-but-this-test")
        .replace(
            "dev-cookie-key-that-everybody-can-read-AAAA",
            "bG9hZHRlc3Qtb25seS1ub3QtYS1zZWNyZXQtYXQtYWxs",
        )
        .replace(
            "dev-matching-secret-that-everybody-can-read-AAAA",
            "bG9hZHRlc3Qtb25seS1tYXRjaGluZy1ub3QtYS1zZWNyZXQ",
        )
        .replace("\"dev-", "\"for-nothing-but-this-test-")
        .replace("\"dev2-", "\"for-this-test-too-");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    write(file.path(), &text);
    file
}

/// What `partner check strict` prints, and whether it is content.
fn check(image: &str, allow: &str, authority_pem: Option<&str>) -> (bool, String) {
    let config = config(image, allow);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pixelgate"));
    command.args(["partner", "check", "strict", "--config"]).arg(config.path());
    let authorities = tempfile::NamedTempFile::new().expect("a temporary file");
    if let Some(pem) = authority_pem {
        write(authorities.path(), pem);
        command.env("SSL_CERT_FILE", authorities.path()).env_remove("SSL_CERT_DIR");
    }
    let output = command.output().expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

/// Sends whoever comes on to `back`, with the state that was brought for `STATE`.
fn partner(back: &'static str) -> impl Fn(&str) -> String + Send + 'static {
    move |target| {
        let state = target.split("state=").nth(1).unwrap_or_default();
        redirect(&back.replace("STATE", state))
    }
}

#[test]
fn a_check_says_whether_a_partner_leads_back_to_us() {
    for (back, content, says) in [
        ("https://px.example/match/strict?uid=abc&state=STATE", true, "the match would come about"),
        ("https://px.example/i/adsct?p_id=222&p_user_id=abc&state=STATE", true, "the match would come about"),
        ("//px.example/match/strict?uid=abc&state=STATE", true, "it leads back to http://px.example\n"),
        ("//10.0.0.1/match/acme?uid=abc&state=STATE", false, "outside our own networks"),
        ("https://px.example/match/strict?uid=abc", false, "does not bring our state back"),
        ("https://px.example/match/strict?uid=abc&state=other", false, "does not bring our state back"),
        ("https://px.example/match/strict?uid=$UID&state=STATE", false, "a macro that nobody filled in"),
        ("https://px.example/match/strict?state=STATE", false, "brings no id of its own"),
        ("https://10.0.0.1/match/acme?uid=abc&state=STATE", false, "outside our own networks"),
    ] {
        let server = Server::start(partner(back));
        let image = format!("http://127.0.0.1:{}/sync?puid={{browser_id}}&state={{state}}", server.port);
        let (is_content, text) = check(&image, r#"["127.0.0.1/32"]"#, None);
        assert_eq!(is_content, content, "{back}: {text}");
        assert!(text.contains(says), "{back}: {text}");
        assert!(!text.contains("puid=") && !text.contains("uid="), "it prints an id: {text}");
    }
    let server = Server::start(no_content);
    let image = format!("http://127.0.0.1:{}/sync?state={{state}}", server.port);
    let (is_content, text) = check(&image, r#"["127.0.0.1/32"]"#, None);
    assert!(!is_content && text.contains("answers 204") && text.contains("does not lead back"), "{text}");
}

#[test]
fn a_partner_whose_redirects_lead_inside_or_in_circles_gets_nowhere() {
    let inside = Server::start(no_content);
    for host in INSIDE.iter().filter(|host| **host != "127.0.0.1").chain(&["127.0.0.2"]) {
        let back: &'static str = Box::leak(format!("http://{host}:{}/", inside.port).into_boxed_str());
        let server = Server::start(partner(back));
        let image = format!("http://127.0.0.1:{}/sync?state={{state}}", server.port);
        let (is_content, text) = check(&image, r#"["127.0.0.1/32"]"#, None);
        assert!(!is_content, "{host}: {text}");
        // What is another way to write the address that the operator has named may be reached by it.
        let named = inside.reached().iter().all(|address| address.to_string() == "127.0.0.1");
        assert!(named, "{host}: {:?}", inside.reached());
    }
    let server = Server::start(|_| redirect("/again"));
    let image = format!("http://127.0.0.1:{}/sync?state={{state}}", server.port);
    let (is_content, text) = check(&image, r#"["127.0.0.1/32"]"#, None);
    assert!(!is_content && text.contains("more than 5 addresses"), "{text}");
    assert_eq!(server.reached().len(), 5);
}

#[test]
fn a_partner_has_to_prove_who_it_is() {
    let made = certificate();
    let config = server_config(&made);
    let answer = partner("https://px.example/match/strict?uid=abc&state=STATE");
    let server = Server::serve(answer, move |socket, talk| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
        talk(&mut rustls::StreamOwned::new(connection, socket));
    });
    let image = format!("https://localhost:{}/sync?state={{state}}", server.port);
    let (is_content, text) = check(&image, r#"["127.0.0.0/8"]"#, Some(&made.cert.pem()));
    assert!(is_content && text.contains("the match would come about"), "{text}");
    let other = certificate();
    let (is_content, text) = check(&image, r#"["127.0.0.0/8"]"#, Some(&other.cert.pem()));
    assert!(!is_content && text.contains("could not prove"), "{text}");
}
