//! The operators' listener.

use crate::world::World;

#[test]
fn health_readiness_and_metrics_answer() {
    let world = World::dev();
    assert_eq!(world.admin_get("/healthz").status, 200);
    assert_eq!(world.admin_get("/readyz").json(), serde_json::json!({"log": true, "draining": false}));
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
