//! Requests that are not followed.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::company::{Company, token};
use super::{
    DAY_S, DEVICE, EMAIL, NOW_S, PHONE, Trusted, acknowledged, ask, email, events, on_record, purchase, sub,
};
use crate::world::World;

/// Refused with `code`, with nothing recorded and nobody named.
#[track_caller]
pub(super) fn check(world: &World, body: &str, code: u8, why: &str) {
    refused(world, body, code, why);
}

/// The same, with what the acknowledgement says.
#[track_caller]
fn refused(world: &World, body: &str, code: u8, why: &str) -> Value {
    let before = world.log_bytes();
    let reply = ask(world, body);
    let answer = reply.json();
    assert_eq!((reply.status, &answer["raResultCode"]), (400, &code.into()), "{answer}");
    assert!(answer["raResultString"].as_str().is_some_and(|said| said.contains(why)), "{answer}");
    let claims = acknowledged(world, &reply);
    assert_eq!(claims["raResultString"], answer["raResultString"]);
    assert!(world.log_bytes() == before, "the log is as it was");
    for text in [answer["raResultString"].to_string(), world.admin_get("/metrics").text()] {
        assert!(![EMAIL, PHONE, DEVICE, "jane"].iter().any(|id| text.contains(id)), "{text}");
    }
    claims
}

#[test]
fn a_refused_request_goes_back_to_who_signed_it_and_to_nobody_else() {
    let trusted = Trusted::new();
    let (world, shop) = (trusted.world(), &trusted.shop);
    let late = with(shop, |claims| claims["exp"] = 1.into());
    assert_eq!(refused(&world, &late, 6, "a time")["rqJWT"], late);
    let namesake = Company::with_ed25519("shop.example");
    for (body, code) in [(namesake.request("1", &email()), 2), ("jane@shop.example".to_owned(), 3)] {
        assert_eq!(refused(&world, &body, code, "")["rqJWT"], Value::Null);
    }
}

#[test]
fn a_request_that_is_not_signed_by_who_may_ask_is_refused() {
    let trusted = Trusted::new();
    let world = trusted.world();
    world.get(&purchase("1", &format!("&email_address={EMAIL}")), &[]);
    let (shop, news, partner) = (&trusted.shop, &trusted.news, &trusted.partner);
    let good = shop.request("1", &email());
    let claims = shop.claims("1", &email());
    let mut changed = claims.clone();
    changed["sub"] = sub("email", "sha256", PHONE);
    let changed = token(&shop.header(), &changed, |_| {
        let (_, signature) = good.rsplit_once('.').expect("a signature");
        BASE64URL_NOPAD.decode(signature.as_bytes()).expect("base64url")
    });
    check(&world, &changed, 2, "not signed by a key of its issuer");
    check(&world, &news.sign(&news.header(), &claims), 2, "not signed by a key of its issuer");
    let stranger = Company::with_ed25519("stranger.example");
    check(&world, &stranger.request("1", &email()), 2, "the issuer of the request is not known");
    let namesake = Company::with_ed25519("shop.example");
    check(&world, &namesake.request("1", &email()), 2, "not signed by a key of its issuer");
    for id_jwt in [stranger.id_jwt(&email()), namesake.id_jwt(&email())] {
        let mut claims = claims.clone();
        claims["idJWT"] = id_jwt.into();
        check(&world, &shop.sign(&shop.header(), &claims), 2, "idJWT");
    }
    // What the header says never chooses the key or the way to check.
    for alg in ["none", "None", "HS256", "RS256", "ES256", "EdDSA "] {
        check(&world, &shop.sign(&json!({"alg": alg}), &claims), 2, "not signed");
        check(&world, &token(&json!({"alg": alg}), &claims, |_| Vec::new()), 2, "not signed");
    }
    for company in [shop, news, partner] {
        let claims = company.claims("1", &email());
        let file = company.jwk().to_string();
        for secret in [company.public(), file.into_bytes()] {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
            let code = |message: &[u8]| ring::hmac::sign(&key, message).as_ref().to_vec();
            check(&world, &token(&json!({"alg": "HS256"}), &claims, code), 2, "not signed");
            check(&world, &token(&company.header(), &claims, code), 2, "not signed");
        }
    }
    let with_own_key = json!({"alg": "EdDSA", "jwk": namesake.jwk(), "jku": "https://evil.example/keys"});
    check(&world, &namesake.sign(&with_own_key, &claims), 2, "not signed");
    check(&world, &shop.sign(&json!({"alg": "EdDSA", "crit": ["exp"]}), &claims), 2, "not signed");
    assert_eq!((events(&world), on_record(&world)), (vec!["1".to_owned()], Vec::new()));
    assert_eq!(ask(&world, &good).status, 202);
}

/// A good request of the shop's, changed.
fn with(shop: &Company, change: impl Fn(&mut Value)) -> String {
    let mut claims = shop.claims("1", &email());
    change(&mut claims);
    shop.sign(&shop.header(), &claims)
}

/// The same with the change in its idJWT.
fn with_id(shop: &Company, change: impl Fn(&mut Value)) -> String {
    let mut identity = shop.identity(&email());
    change(&mut identity);
    with(shop, |claims| claims["idJWT"] = shop.sign(&shop.header(), &identity).into())
}

#[test]
fn a_request_counts_in_its_time_only() {
    let trusted = Trusted::new();
    let (world, shop) = (trusted.world(), &trusted.shop);
    world.get(&purchase("1", &format!("&email_address={EMAIL}")), &[]);
    let check = |body: &str, why: &str| check(&world, body, 6, why);
    for (claim, value) in [("exp", NOW_S), ("exp", 1), ("nbf", NOW_S + 301), ("iat", NOW_S + 301)] {
        check(&with(shop, |claims| claims[claim] = value.into()), "a time of the request");
        check(&with_id(shop, |claims| claims[claim] = value.into()), "a time of the idJWT");
    }
    for value in [json!("1693459424"), json!(-1), json!(0), json!(1e300), json!(null), json!([])] {
        check(&with(shop, |claims| claims["iat"] = value.clone()), "a time of the request");
    }
    check(&with(shop, |claims| claims["iat"] = (NOW_S - 361).into()), "older than its idJWT");
    let mut identity = shop.identity(&email());
    identity["iat"] = (NOW_S - 40 * DAY_S).into();
    let asked_long_ago = shop.sign(&shop.header(), &identity);
    let aged = |age_s: u64| {
        with(shop, |claims| {
            (claims["idJWT"], claims["iat"]) = (json!(asked_long_ago), (NOW_S - age_s).into())
        })
    };
    check(&aged(DAY_S + 1), "too old");
    assert_eq!((events(&world), on_record(&world)), (vec!["1".to_owned()], Vec::new()));
    let latest = with(shop, |claims| {
        (claims["iat"], claims["nbf"]) = ((NOW_S + 300).into(), (NOW_S + 300).into());
        claims["exp"] = (NOW_S as f64 + 1.5).into();
    });
    for request in [aged(DAY_S), latest] {
        assert_eq!((ask(&world, &request).status, events(&world).len()), (202, 0));
    }
}

#[test]
fn a_request_without_what_it_needs_or_for_somebody_else_is_refused() {
    let trusted = Trusted::new();
    let (world, shop) = (trusted.world(), &trusted.shop);
    world.get(&purchase("1", &format!("&email_address={EMAIL}")), &[]);
    let check = |body: &str, code: u8, why: &str| check(&world, body, code, why);
    for audience in [json!("other.example"), json!(["other.example", ""]), json!([])] {
        check(&with(shop, |claims| claims["aud"] = audience.clone()), 3, "the request is for somebody else");
        check(&with_id(shop, |claims| claims["aud"] = audience.clone()), 3, "the idJWT is for somebody else");
    }
    for claim in ["version", "jti", "iss", "sub", "iat"] {
        let gone = |claims: &mut Value| _ = claims.as_object_mut().expect("claims").remove(claim);
        check(&with(shop, gone), 1, "a claim of the request");
        check(&with_id(shop, gone), 1, "a claim of the idJWT");
    }
    for (claim, value, why) in [
        ("version", json!("2.0"), "the version"),
        ("version", json!(1), "a claim"),
        ("jti", json!(""), "the jti"),
        ("jti", json!("j".repeat(256)), "the jti"),
        ("sub", json!(EMAIL), "the sub"),
        ("sub", json!([EMAIL, "email", "sha256"]), "the sub"),
        ("sub", json!({"identifierType": "email", "identifierValue": EMAIL}), "the sub"),
    ] {
        check(&with(shop, |claims| claims[claim] = value.clone()), 1, why);
        check(&with_id(shop, |claims| claims[claim] = value.clone()), 1, why);
    }
    check(&with(shop, |claims| claims["idJWT"] = json!(null)), 1, "no idJWT");
    check(&with(shop, |claims| claims["idJWT"] = json!("a.b.c")), 3, "the idJWT is no JWT");
    assert_eq!((events(&world), on_record(&world)), (vec!["1".to_owned()], Vec::new()));
    // For us among others, as long as it may be, and with the sub as the framework's table has it.
    let good = with(shop, |claims| {
        (claims["aud"], claims["jti"]) =
            (json!(["other.example", "Pixelgate.example"]), "j".repeat(255).into());
        claims["sub"] = email().to_string().into();
    });
    assert_eq!((ask(&world, &good).status, events(&world).len()), (202, 0));
}

#[test]
fn a_person_that_cannot_be_told_is_refused() {
    let trusted = Trusted::new();
    let world = trusted.world();
    world.get(&purchase("1", ""), &[]);
    let id = world.stored()[0]["browser_id"].as_str().expect("an id").to_owned();
    for (kind, format, value, code, why) in [
        ("idfa", "uuid", DEVICE, 4, "no such identifierType"),
        ("Email", "sha256", EMAIL, 4, "no such identifierType"),
        ("partner_user_id", "raw", "u-1", 4, "no user ids here"),
        ("email", "plain", "jane@shop.example", 5, "no such identifierFormat"),
        ("email", "md5", EMAIL, 5, "no such identifierFormat"),
        ("email", "sha256", "jane@shop.example", 5, "identifierValue"),
        ("phone", "sha256", "", 5, "identifierValue"),
        ("device_id", "uuid", "00000000-0000-0000-0000-000000000000", 5, "identifierValue"),
        ("browser_id", "cookie", &id, 5, "identifierValue"),
        ("browser_id", "cookie", &format!("v1.{id}.20700.1.{}", "A".repeat(43)), 5, "identifierValue"),
    ] {
        check(&world, &trusted.shop.request("1", &sub(kind, format, value)), code, why);
    }
    let empty = trusted.partner.request("1", &sub("partner_user_id", "raw", ""));
    check(&world, &empty, 5, "identifierValue");
    assert_eq!((events(&world).len(), on_record(&world)), (1, Vec::new()));
}

#[test]
fn a_body_that_is_no_request_is_refused() {
    let trusted = Trusted::new();
    let world = trusted.world();
    let (shop, good) = (&trusted.shop, trusted.shop.request("1", &email()));
    let mut deep = shop.claims("1", &email());
    deep["optionalParameters"] = (0..16).fold(json!(1), |inner, _| json!([inner]));
    let deep = shop.sign(&shop.header(), &deep);
    let long_list = format!("{{\"rqJWT\":{}{}}}", "[".repeat(4_000), "]".repeat(4_000));
    let twice = format!("{{\"rqJWT\":\"{good}\",\"rqJWT\":\"{good}\"}}");
    for body in [
        "",
        "{}",
        "[]",
        "a.b",
        "..",
        "jane@shop.example",
        "{\"rqJWT\":1}",
        "csrf=x",
        &deep,
        &long_list,
        &twice,
        &good[1..],
    ] {
        check(&world, body, 3, "no JWT");
    }
    assert_eq!(on_record(&world), Vec::<Value>::new());
    // Of the size that it may have, and one byte more.
    let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    assert_eq!(ask(&world, &padded(16_385)).status, 413);
    assert_eq!(on_record(&world), Vec::<Value>::new());
    assert_eq!(ask(&world, &padded(16_384)).status, 202);
    assert_eq!(world.get("/v1/delete", &[]).status, 405);
}
