//! Partners' targeting user files over real sockets: brought, fetched, used, and left by those who say no.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use pixelgate::app::{self, Environment};
use pixelgate::config::Config;
use pixelgate::domain::id::{HashedPartnerUserId, PartnerId};
use pixelgate::domain::targeting::DatedAddress;
use pixelgate::domain::time::{Clock as _, Timestamp};
use pixelgate::service::clock::SystemClock;
use pixelgate::storage::digest::sha256;
use pixelgate::storage::match_table::MatchTable;
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::targeting::TargetingStore;
use serde_json::{Value, json};
use tokio_rustls::rustls;

use crate::certificate::{certificate, server_config};
use crate::gated_disk::GatedDisk;
use crate::served::Served;
use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
/// What a browser says whose third-party cookies work.
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");
const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");
const SECRET: [u8; 32] = [7; 32];
/// Consent to purposes 1, 3 and 4, for us and for partner 222.
const FOR_AUDIENCES: &str = "&gdpr=1&gdpr_consent=CQTFM8AQTFM8AAAAAAAAAAFgALAAAAAAAAAH__wAgAMicPAAAAA";
/// To purposes 1 and 3 only.
const FOR_MATCHING: &str = "&gdpr=1&gdpr_consent=CQTFM8AQTFM8AAAAAAAAAAFgAKAAAAAAAAAH__wAgAMicPAAAAA";
const DAY: Duration = Duration::from_secs(86_400);

/// Partner 222 signs what it sends; there is no other way into a list.
fn world() -> World {
    World::with(sign)
}

fn sign(config: &mut Config) {
    strict(config).secret = Some(Arc::new(SECRET.to_vec().into()));
}

fn strict(config: &mut Config) -> &mut pixelgate::config::Partner {
    config.partners.iter_mut().find(|partner| partner.name == "strict").expect("a partner")
}

/// A browser that partner 222 calls `uid`, and has said so.
fn matched(world: &World, uid: &str, consent: &str) -> String {
    let id = world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let reply = name(world, &id, uid, consent);
    assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    id
}

fn name(world: &World, id: &str, uid: &str, consent: &str) -> Reply {
    let target = signed(222, uid, world.clock.now());
    world.get(&format!("{target}{consent}"), &[("Cookie", id), ACTIVE])
}

fn signed(partner: u32, uid: &str, now: Timestamp) -> String {
    let time = now.0 / 1_000;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &SECRET);
    let code = ring::hmac::sign(&key, format!("{partner}\n{uid}\n{time}").as_bytes());
    let code: String = code.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/match/{partner}?uid={uid}&ts={time}&sig={code}")
}

/// Ten of them in a test, or between two starts: more would be too many attempts to authenticate.
fn ask(world: &World, method: &str, path: &str, body: &(impl AsRef<[u8]> + ?Sized)) -> Reply {
    send(world.admin(), method, &format!("/admin/partners/{path}"), &[TOKEN], body)
}

#[track_caller]
fn deliver(world: &World, file: &(impl AsRef<[u8]> + ?Sized)) -> Value {
    let reply = ask(world, "POST", "222/targeting", file);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn in_force(world: &World) -> Value {
    ask(world, "GET", "222/targeting", "").json()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(text.as_bytes()).expect("memory takes all that is written");
    zipped.finish().expect("memory takes all that is written")
}

fn list_file(world: &World) -> PathBuf {
    world.data_dir().join("targeting-222.list")
}

/// Of the list in force, as anybody may know who sees the metrics.
fn rows(world: &World) -> Option<u64> {
    let start = "pixelgate_targeting_list_rows{partner=\"strict\"} ";
    let metrics = world.admin_get("/metrics").text();
    metrics.lines().find_map(|line| line.strip_prefix(start)?.parse().ok())
}

#[expect(clippy::disallowed_methods, reason = "the test looks at the file itself")]
fn bytes(path: &PathBuf) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// Whether any file of the data directory has the partner's id, as it is or as it is kept in a list.
#[expect(clippy::disallowed_methods, reason = "the test looks at the bytes themselves")]
fn is_in_a_list(world: &World, uid: &str) -> bool {
    let digest = sha256(uid.as_bytes());
    let files = std::fs::read_dir(world.data_dir()).expect("a data directory").flatten();
    let lists = files.filter(|file| file.file_name().to_string_lossy().starts_with("targeting-"));
    // One may be replaced meanwhile.
    lists.filter_map(|file| std::fs::read(file.path()).ok()).any(|bytes| {
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        has(&digest) || has(uid.as_bytes())
    })
}

/// What `/privacy/data.json` says of the browser's audiences.
fn audiences_of(world: &World, id: &str) -> Vec<Value> {
    let file = world.get("/privacy/data.json", &[("Cookie", id)]).json();
    file["audiences"].as_array().expect("a list").clone()
}

fn opt_out(world: &World, id: &str) {
    let cookie = ("Cookie", id);
    let page = world.get("/privacy", &[cookie]).text();
    let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("csrf={}", token.expect("a token"));
    assert_eq!(world.post("/optout", &[cookie, ("Origin", "http://px.localhost")], &form).status, 303);
}

fn browser_id(cookie: &str) -> &str {
    let pair = cookie.split_once('=').expect("a pair").1;
    pair.split('.').nth(1).expect("an id")
}

#[expect(clippy::disallowed_methods, reason = "the test breaks the file by hand")]
fn write(path: &std::path::Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the file can be written");
}

/// Partner 222's list as the store finds it at a start.
fn opened(world: &World, table: &Arc<MatchTable>) -> Option<usize> {
    let store =
        TargetingStore::open(Arc::new(RealDisk), &world.data_dir(), Arc::clone(table)).expect("a directory");
    store.get(PartnerId::from_number(222)).map(|list| list.len())
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A partner's server of files. Gives each request the same answer, and remembers them.
struct Files {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Files {
    fn start() -> Self {
        Self::behind(|socket, talk| talk(&mut { socket }))
    }

    /// `wrap` is what a connection goes through.
    fn behind(wrap: impl Fn(TcpStream, &dyn Fn(&mut dyn Stream)) + Send + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let files = Self { port, asked: Arc::default(), answer: Arc::default() };
        files.serve("HTTP/1.1 404 Not Found", b"");
        let (asked, answer) = (Arc::clone(&files.asked), Arc::clone(&files.answer));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                wrap(socket.expect("a connection"), &|stream| {
                    let lines = BufReader::new(&mut *stream).lines();
                    let head = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
                    asked.lock().expect("no panic").push(head.collect::<Vec<_>>().join("\r\n"));
                    _ = stream.write_all(&answer.lock().expect("no panic"));
                    _ = stream.flush();
                });
            }
        });
        files
    }

    fn with_tls(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Self {
        let config = server_config(made);
        Self::behind(move |socket, talk| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
            talk(&mut rustls::StreamOwned::new(connection, socket));
        })
    }

    fn serve(&self, head: &str, body: &[u8]) {
        let length = match head.contains("Content-Length") {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!("{head}\r\n{length}Connection: close\r\n\r\n");
        *self.answer.lock().expect("no panic") = [head.as_bytes(), body].concat();
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// Until the thread that sweeps has come by; it does so every second.
fn wait_until(done: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not happen");
        std::thread::yield_now();
    }
}

#[test]
fn a_delivery_is_the_full_list_and_tells_its_bad_rows() {
    let mut world = world();
    for uid in ["ann", "bob"] {
        matched(&world, uid, "");
    }
    let file = "222\t@shop\tann\t90\tcup lovers\r\n\
        222\tShop\tbob\n\n\
        222\t@shop\tann\t10\tcup lovers\n\
        222\t@nobody\tann\n\
        222\t@shop\tcleo\n\
        111\t@shop\tann\n\
        222\t@shop\tjane@mail.example\n\
        222\t@shop\tann\t101\n\
        nonsense\n\
        222\t@news\tann\t\t";
    for (round, body) in [file.as_bytes().to_vec(), gzip(file)].into_iter().enumerate() {
        let view = deliver(&world, &body);
        let counts = &view["last_delivery"];
        assert_eq!((&counts["rows"], &counts["kept"], &counts["bad"]), (&json!(10), &json!(3), &json!(4)));
        assert_eq!(counts["unknown_advertiser"], 1);
        assert_eq!((&counts["not_targetable"], &counts["repeated"]), (&json!(1), &json!(1)));
        let lines: Vec<_> =
            counts["errors"].as_array().expect("a list").iter().map(|bad| &bad["line"]).collect();
        assert_eq!(lines, [7, 8, 9, 10], "round {round}");
        assert!(!counts.to_string().contains("jane"), "an error repeats an address");
    }
    let audience = |account: &str, name: Value, people: u32| json!({"account_id": account, "audience": name, "people": people});
    let expect = json!([
        audience("18ce54d4x5t", json!("cup lovers"), 1),
        audience("18ce54d4x5t", Value::Null, 1),
        audience("18ce54d4x5u", Value::Null, 1)
    ]);
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        let view = in_force(&world);
        assert_eq!((&view["audiences"], &view["rows"]), (&expect, &json!(3)));
        assert!(is_in_a_list(&world, "ann") && !is_in_a_list(&world, "cleo"));
    }
    // The next one is the full list, too.
    let view = deliver(&world, "222\t@shop\tbob\n");
    assert_eq!(view["audiences"], json!([audience("18ce54d4x5t", Value::Null, 1)]));
    assert!(!is_in_a_list(&world, "ann"));
    let metrics = world.admin_get("/metrics").text();
    for line in [
        r#"pixelgate_targeting_list_rows{partner="strict"} 1"#,
        r#"pixelgate_targeting_deliveries_total{partner="strict",outcome="taken"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn nobody_is_in_a_list_who_did_not_let_us_or_whom_the_partner_has_not_named_itself() {
    let world = World::with(|config| {
        sign(config);
        strict(config).unsigned = true;
    });
    matched(&world, "all", FOR_AUDIENCES);
    let some = matched(&world, "some", FOR_MATCHING);
    let id = world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let unsigned = world.get("/match/strict?uid=anybody", &[("Cookie", &id), ACTIVE]);
    assert!(unsigned.outcome().starts_with("stored;"), "{}", unsigned.outcome());
    let file = "222\t@shop\tall\n222\t@shop\tsome\n222\t@shop\tanybody\n";
    let view = deliver(&world, file);
    let counts = &view["last_delivery"];
    assert_eq!((&counts["kept"], &counts["not_targetable"]), (&json!(1), &json!(2)));
    let lists = |uid| is_in_a_list(&world, uid);
    assert_eq!((lists("all"), lists("some"), lists("anybody")), (true, false, false));
    // Who consents later is in the next one, and who takes consent back is in none.
    assert!(name(&world, &some, "some", FOR_AUDIENCES).outcome().starts_with("stored;"));
    assert_eq!(deliver(&world, file)["last_delivery"]["kept"], 2);
    assert!(name(&world, &some, "some", FOR_MATCHING).outcome().starts_with("stored;"));
    wait_until(|| !is_in_a_list(&world, "some"));
    assert_eq!(deliver(&world, file)["last_delivery"]["kept"], 1);
}

#[test]
fn who_opts_out_or_is_erased_is_in_no_list_and_in_no_file_of_one() {
    let mut world = world();
    let ids: Vec<_> =
        ["out", "erased", "later", "stays"].iter().map(|uid| matched(&world, uid, "")).collect();
    deliver(&world, "222\t@shop\tout\n222\t@shop\terased\n222\t@shop\tlater\n222\t@shop\tstays\n");
    assert_eq!(audiences_of(&world, &ids[0]).len(), 1);
    opt_out(&world, &ids[0]);
    let erase = format!(r#"{{"subjects": [{{"browser_id": "{}"}}]}}"#, browser_id(&ids[1]));
    assert_eq!(send(world.admin(), "POST", "/admin/erasures", &[TOKEN], &erase).status, 202);
    for id in &ids[..2] {
        assert!(audiences_of(&world, id).is_empty(), "it is shown no more from then on");
    }
    wait_until(|| !is_in_a_list(&world, "out") && !is_in_a_list(&world, "erased"));
    assert!(is_in_a_list(&world, "later") && is_in_a_list(&world, "stays"));
    wait_until(|| rows(&world) == Some(2));
    // The same while no server runs.
    world.stop();
    let data_dir = world.data_dir();
    let subject = pixelgate::domain::opt_out::Subject::PartnerUser(
        PartnerId::from_number(222),
        HashedPartnerUserId::from_bytes(sha256(b"later")),
    );
    let environment = Environment { clock: world.clock.clone(), ..Environment::system() };
    app::erase(&data_dir, environment, &[subject]).expect("an erasure");
    assert!(!is_in_a_list(&world, "later") && is_in_a_list(&world, "stays"));
    world.restart();
    assert_eq!(in_force(&world)["rows"], 1);
    // And nobody comes back by a delivery.
    let view = deliver(&world, "222\t@shop\tout\n222\t@shop\terased\n222\t@shop\tlater\n222\t@shop\tstays\n");
    assert_eq!(view["last_delivery"]["not_targetable"], 3);
}

#[test]
fn a_browser_sees_the_audiences_that_partners_have_put_it_into() {
    let world = world();
    let (ann, bob) = (matched(&world, "ann", ""), matched(&world, "bob", ""));
    deliver(&world, "222\t@shop\tann\t90\t<cup> lovers\n222\t@news\tann\n");
    let expect = json!([
        {"partner": "strict", "advertiser": "@shop", "audience": "<cup> lovers", "score": 90},
        {"partner": "strict", "advertiser": "@news", "audience": null, "score": null}
    ]);
    assert_eq!(Value::from(audiences_of(&world, &ann)), expect);
    assert!(audiences_of(&world, &bob).is_empty());
    let page = |id: &str| world.get("/privacy", &[("Cookie", id)]).text();
    let (hers, his) = (page(&ann), page(&bob));
    for text in ["Audiences", "@shop", "cup&#62; lovers", "@news", "everybody whom the partner knows"] {
        assert!(hers.contains(text), "{text} is not in\n{hers}");
    }
    assert!(!his.contains("@shop"), "{his}");
}

#[test]
fn a_bad_or_missing_delivery_leaves_the_last_in_force_until_it_expires() {
    let mut world = world();
    let ann = matched(&world, "ann", "");
    deliver(&world, "222\t@shop\tann\n");
    let before = bytes(&list_file(&world)).expect("a list");
    let whole = gzip("222\t@shop\tann\t1\n222\t@shop\tann\t2\tx\n");
    let mut flipped = whole.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    for (body, says) in [
        (whole[..whole.len() - 4].to_vec(), "it is no gzip file, or was cut short"),
        (flipped, "it is no gzip file, or was cut short"),
        ([whole.clone(), b"more".to_vec()].concat(), "it is no gzip file, or was cut short"),
        (
            b"nonsense\n111\t@shop\tann\n".to_vec(),
            "none of its 2 row(s) can be read; line 1: expected 3 to 5 columns",
        ),
    ] {
        let reply = ask(&world, "POST", "222/targeting", &body);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(says), "{}", reply.text());
        let view = in_force(&world);
        assert!(view["last_failure"]["error"].as_str().expect("an error").contains(says), "{view}");
        assert_eq!(
            (view["rows"].clone(), bytes(&list_file(&world)).expect("a list") == before),
            (json!(1), true)
        );
    }
    world.clock.advance(DAY * 7 - Duration::from_secs(60));
    world.restart();
    assert_eq!(in_force(&world)["rows"], 1);
    world.clock.advance(Duration::from_secs(60));
    assert!(audiences_of(&world, &ann).is_empty(), "it is used no more from then on");
    wait_until(|| bytes(&list_file(&world)).is_none());
    assert_eq!(in_force(&world)["taken_at"], Value::Null);
    // A list of nobody is one, too.
    deliver(&world, "222\t@shop\tann\n");
    assert_eq!(deliver(&world, &gzip(""))["rows"], 0);
    assert!(!is_in_a_list(&world, "ann"));
}

#[test]
fn a_broken_file_of_a_list_is_deleted_and_a_partner_that_is_gone_leaves_none() {
    let mut world = world();
    matched(&world, "ann", "");
    deliver(&world, "222\t@shop\tann\n");
    let whole = bytes(&list_file(&world)).expect("a list");
    let table = Arc::new(pixelgate::storage::verify::matches(&world.data_dir()).expect("a log"));
    for at in 0..whole.len() {
        world.stop();
        let mut broken = whole.clone();
        broken[at] ^= 0x40;
        write(&list_file(&world), &broken);
        if at % 16 != 0 {
            // Opening the store alone takes less time than a whole server.
            assert_eq!(opened(&world, &table), None, "byte {at}");
            continue;
        }
        world.restart();
        assert_eq!((bytes(&list_file(&world)), rows(&world)), (None, None), "byte {at}");
    }
    world.stop();
    write(&list_file(&world), &whole);
    write(&world.data_dir().join("targeting-999.list"), &whole);
    world.restart();
    assert_eq!(in_force(&world)["rows"], 1);
    assert_eq!(bytes(&world.data_dir().join("targeting-999.list")), None);
    assert_eq!(ask(&world, "DELETE", "222/targeting", "").status, 200);
    assert_eq!(bytes(&list_file(&world)), None);
}

#[test]
fn the_days_file_is_fetched_once_with_the_partners_password() {
    let (files, marker) = (Files::start(), Files::start());
    // Whoever looks which files are due comes to partner 333 after 222.
    let mark = format!("http://127.0.0.1:{}/%Y-%M-%D.tsv.gz", marker.port);
    let at = format!("http://127.0.0.1:{}/in/partner_targeting_%Y-%M-%D.tsv.gz", files.port);
    let world = World::with(|config| {
        sign(config);
        config.partners[2].targeting.url = DatedAddress::parse(&mark);
        let partner = strict(config);
        partner.targeting.url = DatedAddress::parse(&at);
        partner.targeting.login = Some(("pixel".into(), "s3cret-word".to_owned().into()));
    });
    matched(&world, "ann", "");
    // It is not there yet, and is asked for again after its time only.
    let missing = "pixelgate_targeting_deliveries_total{partner=\"strict\",outcome=\"missing\"} 1";
    wait_until(|| world.admin_get("/metrics").text().contains(missing));
    assert_eq!(files.asked().len(), 1);
    files.serve("HTTP/1.1 200 OK", &gzip("222\t@shop\tann\n222\t@shop\tcleo\n"));
    world.clock.advance(Duration::from_secs(3_590));
    assert!(in_force(&world)["last_failure"]["error"].as_str().expect("an error").contains("not there yet"));
    assert_eq!(files.asked().len(), 1);
    world.clock.advance(Duration::from_secs(10));
    wait_until(|| rows(&world) == Some(1));
    let asked = files.asked();
    assert!(asked[0].starts_with("GET /in/partner_targeting_2026-09-04.tsv.gz HTTP/1.1"), "{}", asked[0]);
    // "pixel:s3cret-word", as `printf | base64` has it.
    assert!(asked[0].contains("authorization: Basic cGl4ZWw6czNjcmV0LXdvcmQ="), "{}", asked[0]);
    let marks = marker.asked().len();
    world.clock.advance(Duration::from_secs(3_600));
    wait_until(|| marker.asked().len() > marks);
    let view = in_force(&world);
    assert_eq!((&view["last_delivery"]["kept"], &view["last_failure"]), (&json!(1), &Value::Null));
    assert_eq!(files.asked().len(), 2, "the day's file is there");
    // The next day has another, and an operator can have it fetched at once.
    files.serve("HTTP/1.1 200 OK", &gzip("222\t@shop\tann\n222\t@news\tann\n"));
    world.clock.advance(DAY);
    let reply = ask(&world, "POST", "222/targeting/fetch", "");
    assert_eq!((reply.status, &reply.json()["rows"]), (200, &json!(2)));
    for shown in [ask(&world, "GET", "222", ""), ask(&world, "GET", "222/targeting", "")] {
        assert!(!shown.text().contains("s3cret"), "{}", shown.text());
    }
    let terms = ask(&world, "GET", "222", "").json()["targeting"].clone();
    assert_eq!(
        terms,
        json!({"url": at, "user": "pixel", "has_password": true, "every": "1h", "expires": "7d"})
    );
}

#[test]
fn a_file_is_fetched_by_https_from_who_proves_who_it_is_and_nobody_else_gets_the_password() {
    let (known, other) = (certificate(), certificate());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authorities = directory.path().join("authorities.pem");
    write(&authorities, known.cert.pem().as_bytes());
    let served = Served::with(&directory.path().join("data"), |command| {
        command.env("SSL_CERT_FILE", &authorities).env_remove("SSL_CERT_DIR")
    });
    let ask = |method: &str, path: &str, body: &str| {
        send(served.admin, method, &format!("/admin/partners/700{path}"), &[TOKEN], body)
    };
    let register = |files: &Files| {
        let url = format!("https://localhost:{}/%Y-%M-%D.tsv.gz", files.port);
        let secret: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
        let targeting = json!({"url": url, "user": "pixel", "password": "s3cret-word", "every": "1d"});
        let partner = json!({"name": "adhub", "vendor_id": 25, "secret": secret, "targeting": targeting});
        assert!(matches!(ask("PUT", "", &partner.to_string()).status, 200 | 201));
    };
    let (honest, liar) = (Files::with_tls(&known), Files::with_tls(&other));
    register(&liar);
    let reply = ask("POST", "/targeting/fetch", "");
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(reply.text().contains("could not prove that it is who it should be"), "{}", reply.text());
    assert!(liar.asked().iter().all(String::is_empty), "{:?}", liar.asked());
    let target = signed(700, "ann", SystemClock.now());
    assert!(send(served.public, "GET", &target, &[ACTIVE], "").outcome().starts_with("stored;"));
    honest.serve("HTTP/1.1 200 OK", &gzip("700\t@shop\tann\n"));
    register(&honest);
    let reply = ask("POST", "/targeting/fetch", "");
    assert_eq!((reply.status, &reply.json()["rows"]), (200, &json!(1)), "{}", reply.text());
    let asked = honest.asked();
    assert!(
        asked.iter().all(|head| head.contains("authorization: Basic cGl4ZWw6czNjcmV0LXdvcmQ=")),
        "{asked:?}"
    );
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn a_file_that_is_not_what_it_should_be_or_lies_inside_is_not_taken() {
    let (files, inside) = (Files::start(), Files::start());
    let at = |host: &str, port: u16| DatedAddress::parse(&format!("http://{host}:{port}/%Y-%M-%D.tsv.gz"));
    let mut world = World::with(|config| {
        sign(config);
        config.outbound_networks = vec!["127.0.0.1/32".parse().expect("a network")];
        for partner in &mut config.partners {
            // Asked for by hand only.
            partner.targeting.every = DAY * 365;
        }
        strict(config).targeting.url = at("127.0.0.1", files.port);
        config.partners[0].targeting.url = at("127.0.0.2", inside.port);
    });
    matched(&world, "ann", "");
    deliver(&world, "222\t@shop\tann\n");
    let whole = gzip("222\t@shop\tann\n222\t@news\tann\n");
    let location = format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/", inside.port);
    for (head, body, says) in [
        ("HTTP/1.1 404 Not Found", &b""[..], "not there yet"),
        ("HTTP/1.1 503 Try Later", b"", "answered 503; expected 200"),
        ("HTTP/1.1 401 Unauthorized", b"", "answered 401; expected 200"),
        (&location, b"", "answered 302; expected 200"),
        ("HTTP/1.1 200 OK", b"222\t@shop\tann\n", "it is no gzip file"),
        ("HTTP/1.1 200 OK", &whole[..whole.len() / 2], "it is no gzip file, or was cut short"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5000", &whole, "broke off"),
        ("nonsense", b"", "broke off"),
    ] {
        files.serve(head, body);
        let reply = ask(&world, "POST", "222/targeting/fetch", "");
        assert!(matches!(reply.status, 400 | 502), "{}", reply.text());
        assert!(reply.text().contains(says), "{says}: {}", reply.text());
        assert_eq!(rows(&world), Some(1));
    }
    world.restart();
    let reply = ask(&world, "POST", "111/targeting/fetch", "");
    assert!(reply.text().contains("outside our own networks"), "{}", reply.text());
    assert!(inside.asked().is_empty(), "nobody was asked inside: {:?}", inside.asked());
    let reply = ask(&world, "POST", "444/targeting", "444\t@shop\tann\n");
    assert_eq!((reply.status, reply.text().contains("no audience partner")), (409, true));
    let reply = ask(&world, "POST", "333/targeting/fetch", "");
    assert_eq!((reply.status, reply.text().contains("no targeting.url")), (409, true));
    assert_eq!(ask(&world, "POST", "999/targeting/fetch", "").status, 404);
    assert_eq!(
        send(world.admin(), "POST", "/admin/partners/222/targeting", &[], "222\t@shop\tann\n").status,
        401
    );
}

#[test]
fn a_list_that_the_disk_does_not_take_is_not_in_force_and_keeps_nobody_from_being_answered() {
    let disk = GatedDisk::default();
    let world = World::on(Arc::new(disk.clone()), sign);
    matched(&world, "ann", "");
    disk.shut();
    let waiting = crate::world::Pending::send(
        world.admin(),
        "POST",
        "/admin/partners/222/targeting",
        &[TOKEN],
        "222\t@shop\tann\n",
    );
    disk.await_writer();
    assert_eq!(world.admin_get("/healthz").status, 200);
    assert!(!waiting.is_answered());
    disk.open_gate();
    assert_eq!(waiting.answer().json()["rows"], 1);
}
