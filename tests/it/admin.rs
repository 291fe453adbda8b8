//! The operators' listener.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::world::{Reply, World, send, send_on};

#[test]
fn health_readiness_and_metrics_answer() {
    let world = World::dev();
    assert_eq!(world.admin_get("/healthz").status, 200);
    let ready = world.admin_get("/readyz").json();
    let found = [&ready["log"], &ready["draining"], &ready["erasures"]];
    assert_eq!(found, [&true.into(), &false.into(), &serde_json::Value::from("done")]);
    world.get("/i/adsct?txn_id=o8z6j", &[]);
    world.get("/i/adsct?txn_id=o8z6j", &[("Sec-GPC", "1")]);
    let metrics = world.admin_get("/metrics").text();
    for line in [
        "pixelgate_hits_total{outcome=\"stored\",reason=\"\"} 1",
        "pixelgate_hits_total{outcome=\"suppressed\",reason=\"gpc\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn development_mode_tells_what_became_of_the_latest_hits() {
    let world = World::dev();
    world.get("/i/adsct?txn_id=o8z6j", &[]);
    world.get("/i/adsct?txn_id=o8z6j", &[("Sec-GPC", "1")]);
    let all = world.admin_get("/dev/all").json();
    assert_eq!(all[0]["event"], world.stored()[0]);
    assert_eq!((&all[1]["reason"], &all[1]["event"]), (&"gpc".into(), &serde_json::Value::Null));
    assert_eq!(world.admin_get("/dev/good").json().as_array().map(Vec::len), Some(1));
    assert_eq!(world.admin_get("/dev/bad").json()[0]["outcome"], "suppressed; reason=gpc");
    assert_eq!(world.admin_post("/dev/reset", &[]).status, 200);
    assert_eq!(world.admin_get("/dev/all").json(), serde_json::json!([]));
    assert_eq!(world.stored().len(), 1);
}

#[test]
fn a_reload_needs_the_token() {
    let world = World::dev();
    for headers in
        [&[][..], &[("Authorization", "Bearer dev")], &[("Authorization", "Basic dev-admin-token")]]
    {
        assert_eq!(world.admin_post("/-/reload", headers).status, 401, "{headers:?}");
    }
    assert_eq!(world.admin_post("/-/reload", &[("Authorization", "Bearer dev-admin-token")]).status, 200);
}

#[test]
fn attempts_to_authenticate_are_limited_by_address_and_by_token() {
    let world = World::dev();
    let guesses = (0..ATTEMPTS_MAX).map(|guess| reload_from(&world, 1, &format!("guess-{guess}")));
    let (refused, last) = until_limited(guesses);
    assert!(refused >= 10, "after {refused} guesses");
    assert_eq!(last.header("Retry-After"), Some("1"));
    // The right token is not told apart by who is over the limit, and others get in.
    assert_eq!(reload_from(&world, 1, "dev-admin-token").status, 429);
    assert_eq!(reload_from(&world, 2, "dev-admin-token").status, 200);
    assert_eq!(send(world.admin(), "GET", "/readyz", &[], "").status, 200);

    let (passed, _) = until_limited((3..=255).map(|host| reload_from(&world, host, "dev-admin-token")));
    assert!(passed >= 9, "after {passed} reloads");
}

/// How many answers came before the first 429, and that one.
fn until_limited(mut replies: impl Iterator<Item = Reply>) -> (usize, Reply) {
    let mut before = 0;
    let limited = replies.find(|reply| {
        before += usize::from(reply.status != 429);
        reply.status == 429
    });
    (before, limited.expect("there is a limit"))
}

/// From 127.0.0.`host`.
fn reload_from(world: &World, host: u8, token: &str) -> Reply {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    socket.bind(&own.into()).expect("all of 127/8 is this machine");
    socket.connect(&world.admin().into()).expect("the server listens");
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", &*authorization)];
    send_on(TcpStream::from(socket), "POST", "/-/reload", &headers, "")
}

/// One more is let through each second.
const ATTEMPTS_MAX: usize = 250;
