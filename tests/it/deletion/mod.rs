//! Other companies' requests for erasure: IAB Tech Lab, "Data Deletion Request Framework", version 1.0.

mod company;
mod refused;

use std::path::Path;
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use pixelgate::config::{Config, Delete, RateLimits, Requester};
use pixelgate::domain::id::PartnerId;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::gated_disk::GatedDisk;
use crate::world::{Pending, Reply, START, World, send};
use company::Company;

const EMAIL: &str = "5ba1d7c4a2e8f0936b4c1d2e3f405162738495a6b7c8d9e0f1021324354657a6";
const PHONE: &str = "6ba1d7c4a2e8f0936b4c1d2e3f405162738495a6b7c8d9e0f1021324354657a6";
const DEVICE: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";
const NOW_S: u64 = START.0 / 1_000;
const DAY_S: u64 = 86_400;

fn sub(kind: &str, format: &str, value: &str) -> Value {
    json!({"identifierType": kind, "identifierFormat": format, "identifierValue": value})
}

fn email() -> Value {
    sub("email", "sha256", EMAIL)
}

/// Two who ask for themselves, one that is partner 7 as well, and the files with their keys.
struct Trusted {
    shop: Company,
    news: Company,
    partner: Company,
    files: tempfile::TempDir,
}

impl Trusted {
    fn new() -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let trusted = Self {
            shop: Company::with_ed25519("shop.example"),
            news: Company::with_p256("news.example"),
            partner: Company::with_rsa("partner.example"),
            files,
        };
        let base64 = BASE64.encode(&[ED25519_PEM_HEAD, &*trusted.shop.public()].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
        trusted.write("shop.example", &pem);
        trusted.write("news.example", &trusted.news.jwk().to_string());
        trusted.write("partner.example", &json!({"keys": [trusted.partner.jwk()]}).to_string());
        trusted
    }

    fn write(&self, issuer: &str, key: &str) {
        write(&self.files.path().join(issuer), key);
    }

    fn configure(&self, config: &mut Config) {
        let requester = |company: &Company, partner_id| Requester {
            issuer: company.issuer.to_owned(),
            public_key: self.files.path().join(company.issuer),
            partner_id,
        };
        config.delete = Some(Delete {
            issuer: "pixelgate.example".to_owned(),
            endpoint: "https://px.pixelgate.example/v1/delete".to_owned(),
            request_max_age: Duration::from_secs(DAY_S),
            requesters: vec![
                requester(&self.shop, None),
                requester(&self.news, None),
                requester(&self.partner, Some(PartnerId::from_number(7))),
            ],
        });
    }

    fn world(&self) -> World {
        World::with(|config| self.configure(config))
    }
}

#[expect(clippy::disallowed_methods, reason = "a company's key is not in a data directory")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

fn ask(world: &World, body: &str) -> Reply {
    world.post("/v1/delete", &[], body)
}

/// What an acknowledgement says, once its signature is known to be right.
#[track_caller]
fn acknowledged(world: &World, reply: &Reply) -> Value {
    let document = world.get("/dsrdelete.json", &[]).json();
    let key = BASE64URL_NOPAD.decode(document["publicKey"][0]["x"].as_str().expect("a key").as_bytes());
    let token = reply.json()["acJWT"].as_str().expect("a token").to_owned();
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).expect("base64url");
    let key = UnparsedPublicKey::new(&ED25519, key.expect("base64url"));
    key.verify(signed.as_bytes(), &signature).expect("it is signed by the key that is published");
    let [header, payload] = [0, 1].map(|at| {
        let part = signed.split('.').nth(at).expect("two parts");
        let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    });
    let expect = json!({"typ": "JWT", "alg": "EdDSA", "kid": document["publicKey"][0]["kid"]});
    assert_eq!((header, &payload["iss"]), (expect, &json!("pixelgate.example")));
    assert_eq!(payload["raResultCode"], reply.json()["raResultCode"]);
    payload
}

/// Requests for erasure on record, newest first, as the operator sees them.
fn on_record(world: &World) -> Vec<Value> {
    let token = ("Authorization", "Bearer dev-admin-token");
    let listed = send(world.admin(), "GET", "/admin/erasures", &[token], "").json();
    listed.as_array().expect("a list").clone()
}

fn purchase(event: &str, more: &str) -> String {
    format!("/i/adsct?txn_id=o87ne&tw_sale_amount=1&event_id={event}{more}")
}

fn events(world: &World) -> Vec<String> {
    let rows = world.stored();
    rows.iter().filter_map(|row| Some(row["event_id"].as_str()?.to_owned())).collect()
}

#[test]
fn a_signed_request_erases_whom_it_names_and_nobody_else() {
    let trusted = Trusted::new();
    let world = trusted.world();
    let first = world.get(&purchase("browser", ""), &[]);
    let cookie = first.cookie("__Host-Http-pg").expect("a new browser gets an id");
    let (_, browser) = cookie.split_once('=').expect("a value");
    world.get(&purchase("email", &format!("&email_address={EMAIL}")), &[]);
    world.get(&purchase("phone", &format!("&phone_number={PHONE}")), &[]);
    world.get(&purchase("other", &format!("&email_address={PHONE}&phone_number={EMAIL}")), &[]);
    let mut left = vec!["browser", "email", "phone", "other"];
    assert_eq!(events(&world), left);
    for (company, gone, identifier) in [
        (&trusted.shop, "browser", sub("browser_id", "cookie", browser)),
        (&trusted.news, "email", sub("email", "sha256", &EMAIL.to_uppercase())),
        (&trusted.partner, "phone", sub("phone", "sha256", PHONE)),
    ] {
        let request = company.request(gone, &identifier);
        let reply = ask(&world, &request);
        assert_eq!(reply.status, 202, "{}", reply.text());
        left.retain(|event| *event != gone);
        assert_eq!(events(&world), left, "at once");
        let (claims, receipt) = (acknowledged(&world, &reply), reply.json()["receipt"].clone());
        let expect = json!({"version": "1.0", "rqJWT": request, "jti": receipt, "iss": "pixelgate.example",
            "iat": NOW_S, "raResultCode": 0, "raResultString": "accepted"});
        assert_eq!(claims, expect);
        assert!(on_record(&world).iter().any(|erasure| erasure["id"] == receipt));
    }
    assert_eq!(on_record(&world).len(), 3);
    let metrics = world.admin_get("/metrics").text();
    assert!(metrics.contains("pixelgate_deletion_requests_total{result=\"accepted\"} 3\n"), "{metrics}");
}

#[test]
fn devices_and_a_partners_own_users_are_erased_by_their_hashes() {
    let trusted = Trusted::new();
    let world = trusted.world();
    let hash = |text: &str| digest(&SHA256, text.as_bytes()).as_ref().to_vec();
    let hex = |text: &str| data_encoding::HEXLOWER.encode(&hash(text));
    for (company, identifier, expect) in [
        (&trusted.shop, sub("device_id", "uuid", &DEVICE.to_uppercase()), hash(DEVICE)),
        (&trusted.shop, sub("device_id", "sha256", &hex("one")), hash("one")),
        (&trusted.partner, sub("partner_user_id", "raw", "u-1"), hash("u-1")),
        (&trusted.partner, sub("partner_user_id", "sha256", &hex("u-2")), hash("u-2")),
    ] {
        let names = |log: &[u8]| log.windows(expect.len()).any(|window| window == expect);
        assert!(!names(&world.log_bytes()));
        assert_eq!(ask(&world, &company.request("1", &identifier)).status, 202, "{identifier}");
        assert!(names(&world.log_bytes()), "{identifier}");
    }
}

#[test]
fn a_company_may_pass_on_what_another_was_asked() {
    let trusted = Trusted::new();
    let world = trusted.world();
    world.get(&purchase("1", &format!("&email_address={EMAIL}")), &[]);
    let mut claims = trusted.news.claims("1", &email());
    // Under the name that the company before it knows the person by.
    claims["idJWT"] = trusted.shop.id_jwt(&sub("email", "sha256", PHONE)).into();
    let request = trusted.news.sign(&trusted.news.header(), &claims);
    // In either form.
    let reply = ask(&world, &json!({"rqJWT": request, "more": 1}).to_string());
    assert_eq!((reply.status, world.stored().len()), (202, 0), "{}", reply.text());
}

#[test]
fn a_repetition_gets_the_same_answer_and_no_second_erasure() {
    let trusted = Trusted::new();
    let disk = GatedDisk::default();
    let mut world = World::on(std::sync::Arc::new(disk.clone()), |config| trusted.configure(config));
    let hit = format!("&email_address={EMAIL}");
    world.get(&purchase("before", &hit), &[]);
    let request = trusted.news.request("1", &email());
    disk.shut();
    let asked: Vec<_> =
        (0..6).map(|_| Pending::send(world.public(), "POST", "/v1/delete", &[], &request)).collect();
    disk.await_writer();
    assert!(asked.iter().all(|asked| !asked.is_answered()), "nobody is told before it is on the disk");
    disk.open_gate();
    let replies: Vec<_> = asked.into_iter().map(Pending::answer).collect();
    for reply in &replies {
        assert_eq!((reply.status, &reply.body), (202, &replies[0].body));
    }
    world.get(&purchase("after", &hit), &[]);
    let check = |world: &World| {
        assert_eq!(ask(world, &request).body, replies[0].body);
        assert_eq!(events(world), ["after"], "what came later is no part of it");
        assert_eq!((on_record(world).len(), &on_record(world)[0]["subjects"]), (1, &json!(1)));
    };
    let log = world.log_bytes();
    check(&world);
    assert!(world.log_bytes() == log);
    world.clock.advance(Duration::from_secs(DAY_S));
    check(&world);
    world.restart();
    check(&world);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&world, &request).json()["raResultCode"], 6, "too old to be repeated");
    assert_eq!(events(&world), ["after"]);
}

#[test]
fn where_nobody_may_ask_there_is_nothing_to_ask() {
    let trusted = Trusted::new();
    let world = World::dev();
    world.get(&purchase("1", &format!("&email_address={EMAIL}")), &[]);
    let before = world.log_bytes();
    let replies = [ask(&world, &trusted.shop.request("1", &email())), world.get("/dsrdelete.json", &[])];
    assert_eq!(replies.map(|reply| reply.status), [404, 404]);
    assert!(world.log_bytes() == before && on_record(&world).is_empty());
}

#[test]
fn what_a_company_has_to_know_is_published() {
    let trusted = Trusted::new();
    let world = trusted.world();
    let reply = world.get("/dsrdelete.json", &[("Cookie", "pg_optout=1")]);
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")));
    assert_eq!(reply.headers_named("Set-Cookie").count(), 0);
    let document = reply.json();
    let kinds = [
        ("browser_id", "cookie"),
        ("email", "sha256"),
        ("phone", "sha256"),
        ("device_id", "uuid"),
        ("device_id", "sha256"),
        ("partner_user_id", "raw"),
        ("partner_user_id", "sha256"),
    ];
    let identifiers = |count: usize| {
        let listed = kinds[..count].iter().zip(1..);
        listed
            .map(|((kind, format), id)| json!({"id": id, "type": kind, "format": format}))
            .collect::<Vec<_>>()
    };
    let key = &document["publicKey"][0];
    let expect = json!({"endpoint": "https://px.pixelgate.example/v1/delete", "identifiers": identifiers(7),
        "publicKey": [{"kty": "OKP", "crv": "Ed25519", "x": key["x"], "kid": "1", "alg": "EdDSA", "use": "sig"}],
        "vendorScriptRequirement": false});
    assert_eq!(document, expect);
    let world = World::with(|config| {
        trusted.configure(config);
        config.delete.as_mut().expect("it is there").requesters.pop();
    });
    assert_eq!(world.get("/dsrdelete.json", &[]).json()["identifiers"], json!(identifiers(5)));
}

#[test]
fn a_reload_takes_a_companys_new_key_and_no_broken_one() {
    let trusted = Trusted::new();
    let world = trusted.world();
    let fresh = Company::with_p256("shop.example");
    let token = ("Authorization", "Bearer dev-admin-token");
    trusted.write("shop.example", "no key");
    let reply = world.admin_post("/-/reload", &[token]);
    assert!(reply.status == 422 && reply.text().contains("the public key"), "{}", reply.text());
    assert_eq!(ask(&world, &trusted.shop.request("1", &email())).status, 202);
    trusted.write("shop.example", &fresh.jwk().to_string());
    assert_eq!(world.admin_post("/-/reload", &[token]).status, 200);
    refused::check(&world, &trusted.shop.request("2", &email()), 2, "not signed");
    assert_eq!(ask(&world, &fresh.request("2", &email())).status, 202);
}

#[test]
fn requests_are_limited_as_forms_are() {
    let trusted = Trusted::new();
    let world = World::with(|config| {
        trusted.configure(config);
        config.rate_limits = Some(RateLimits { per_address_per_s: 1, per_address_burst: 2 });
    });
    let statuses = ["1", "2", "3"].map(|jti| ask(&world, &trusted.shop.request(jti, &email())).status);
    assert_eq!(statuses, [202, 202, 429]);
    assert_eq!(world.get("/i/adsct?txn_id=o8z6j", &[]).status, 200, "hits are limited apart");
}

/// SubjectPublicKeyInfo of an Ed25519 key, up to the key (RFC 8410, section 4).
const ED25519_PEM_HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
