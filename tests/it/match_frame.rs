//! The page for partners that need several pixels, over real sockets.

use std::collections::HashSet;

use pixelgate::config::Partner;
use pixelgate::domain::settings::OriginPattern;
use pixelgate::domain::template::Template;
use serde_json::json;

use crate::world::{Reply, World};

const ID: &str = "__Host-Http-pg";
/// What a browser says whose third-party cookies work.
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");
const PUBLISHER: (&str, &str) = ("Origin", "http://news.localhost:8090");
const FRAME: &str = "/match/acme/frame";

/// Where `acme` has pixels beside its image.
fn world() -> World {
    World::with(|config| config.partners.iter_mut().filter(|one| one.name == "acme").for_each(with_pixels))
}

fn with_pixels(partner: &mut Partner) {
    let pixels = [
        "https://a.adhub.example/px?id={browser_id}&s={state}&gdpr={gdpr}&c={gdpr_consent}&us={us_privacy}&gpp={gpp}&sid={gpp_sid}",
        "https://b.adhub.example:8443/{partner_user_id}/px?s={state}&r={cachebuster}&lit='a'",
        "https://a.adhub.example/2?s={state}",
    ];
    partner.pixels = pixels.iter().map(|text| Template::parse(text).expect("a template")).collect();
}

fn browser(world: &World) -> String {
    world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie")
}

/// What the images' attributes say, with nothing but the ampersand and the quotes escaped.
#[track_caller]
fn images(page: &str) -> Vec<String> {
    let tags = page.split("<img").skip(1);
    tags.map(|tag| {
        let (src, rest) =
            tag.strip_prefix(" src=\"").and_then(|tag| tag.split_once('"')).expect("an address");
        assert!(rest.starts_with(" alt=\"\" width=\"1\" height=\"1\">"), "{tag}");
        src.replace("&#38;", "&").replace("&#39;", "'").replace("&amp;", "&")
    })
    .collect()
}

fn parameter<'a>(address: &'a str, name: &str) -> &'a str {
    let (_, query) = address.split_once('?').expect("a query");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next().unwrap_or_default()
}

#[track_caller]
fn check_headers(reply: &Reply, images: &str) {
    let policy = format!(
        "default-src 'none'; img-src {images}; frame-ancestors http://*.localhost:*; base-uri 'none'; form-action 'none'"
    );
    for (name, expect) in [
        ("Content-Security-Policy", &*policy),
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(reply.header(name), Some(expect), "{name}");
    }
    assert!(!reply.text().contains("<script") && !reply.text().contains("style"), "{}", reply.text());
}

#[test]
fn a_page_has_every_pixel_and_may_load_nothing_else() {
    let world = world();
    let id = browser(&world);
    let cookie = ("Cookie", &*id);
    assert!(world.get("/match/acme?uid=known-1", &[cookie, ACTIVE]).outcome().starts_with("stored;"));
    let before = world.log_bytes();
    let reply = world.get(&format!("{FRAME}?gdpr=0&us_privacy=1YNN"), &[cookie, ACTIVE]);
    assert_eq!((reply.status, reply.outcome()), (200, ""));
    check_headers(&reply, "'self' https://a.adhub.example https://b.adhub.example:8443");
    let found = images(&reply.text());
    let pairwise = world.get("/match/acme/start", &[cookie, ACTIVE]);
    let pairwise = parameter(pairwise.header("Location").expect("a way"), "puid").to_owned();
    assert!(found[0].starts_with(&format!("https://a.adhub.example/px?id={pairwise}&s=")), "{}", found[0]);
    assert!(found[0].ends_with("&gdpr=0&c=&us=1YNN&gpp=&sid="), "{}", found[0]);
    assert!(found[1].starts_with("https://b.adhub.example:8443/known-1/px?s="), "{}", found[1]);
    assert!(found[1].ends_with("&lit='a'"), "{}", found[1]);
    assert!(found[2].starts_with("https://a.adhub.example/2?s="), "{}", found[2]);
    assert!(world.log_bytes() == before, "a page stores nothing");
    assert!(!reply.text().contains("&s=") && !reply.text().contains("'a'"), "{}", reply.text());
    // Each has a state of its own, and each counts once.
    let states: HashSet<_> = found.iter().map(|image| parameter(image, "s").to_owned()).collect();
    assert_eq!((found.len(), states.len()), (3, 3));
    for (number, state) in states.iter().enumerate() {
        let back = format!("/match/acme?uid=u{number}&state={state}");
        let reply = world.get(&back, &[cookie, ACTIVE]);
        assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
        assert_eq!(world.get(&back, &[cookie, ACTIVE]).status, 400);
    }
}

#[test]
fn a_new_browser_is_the_same_one_to_all_pixels() {
    let world = world();
    let reply = world.get(FRAME, &[ACTIVE]);
    let id = reply.cookie(ID).expect("an id cookie");
    for (number, image) in images(&reply.text()).iter().enumerate() {
        let back = format!("/match/acme?uid=u{number}&state={}", parameter(image, "s"));
        let reply = world.get(&back, &[("Cookie", &id), ACTIVE]);
        assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    }
}

#[test]
fn no_value_breaks_out_of_its_place_on_the_page() {
    let world = world();
    let id = browser(&world);
    let plain = images(&world.get(FRAME, &[("Cookie", &id), ACTIVE]).text()).len();
    for value in [
        "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "%27%20onerror%3D%27alert(1)",
        "%22%20onerror%3D%22alert(1)",
        "%26quot%3B%3E%3Cimg%20src%3Dx%3E",
        "%26%2334%3B%3E",
        "%3C%2Ftitle%3E%3C!--",
        "%00%0D%0A%22%3E",
        "%C0%A2%C2%A0%E2%80%A8%22",
        "javascript%3Aalert(1)",
        "%2F%2Fevil.example%2F",
        "..%2F..%2F",
        "%7Bstate%7D%7Bbrowser_id%7D",
    ] {
        let texts = ["us_privacy", "gpp", "gpp_sid", "gdpr_consent", "gdpr"];
        for name in texts {
            // What the gate makes of the value is not the question: only what it lets through has values at all.
            let reply = world.get(&format!("{FRAME}?{name}={value}"), &[("Cookie", &id), ACTIVE]);
            let page = reply.text();
            let found = images(&page);
            assert!(found.is_empty() || found.len() == plain, "{name}={value}: {page}");
            assert_eq!(page.matches('<').count(), 11 + found.len(), "{name}={value}: {page}");
            for image in &found {
                let registered = ["https://a.adhub.example/", "https://b.adhub.example:8443/"];
                assert!(registered.iter().any(|origin| image.starts_with(origin)), "{image}");
                assert!(!image.contains(['"', '<', '>', ' ', '{']) && image.is_ascii(), "{image}");
            }
            let images = if found.is_empty() {
                "'none'"
            } else {
                "'self' https://a.adhub.example https://b.adhub.example:8443"
            };
            check_headers(&reply, images);
        }
        let target = format!("/match/{value}/frame");
        assert!(!world.get(&target, &[ACTIVE]).text().contains("evil"), "{value}");
    }
    // What does get through, gets through as a value.
    let reply = world.get(&format!("{FRAME}?us_privacy=%22%3E0"), &[("Cookie", &id), ACTIVE]);
    assert_eq!(images(&reply.text()).iter().map(|image| parameter(image, "us")).next(), Some("%22%3E0"));
}

#[test]
fn where_nobody_may_be_sent_the_page_is_empty() {
    let world = world();
    let id = browser(&world);
    let before = world.log_bytes();
    let opted_out = format!("{id}; pg_optout=1");
    for (query, headers, outcome) in [
        ("?gdpr=1", &[("Cookie", &*id), ACTIVE][..], "suppressed; reason=gdpr-no-consent"),
        ("?us_privacy=1YYN", &[("Cookie", &id), ACTIVE], "suppressed; reason=us-privacy-opt-out"),
        ("", &[("Cookie", &id), ACTIVE, ("Sec-GPC", "1")], "suppressed; reason=gpc"),
        ("", &[ACTIVE, ("Sec-GPC", "1")], "suppressed; reason=gpc"),
        ("", &[("Cookie", &opted_out), ACTIVE], "suppressed; reason=opt-out-cookie"),
        ("", &[("Cookie", &id), ACTIVE, ("Sec-Purpose", "prefetch")], "speculative"),
        ("", &[("Cookie", &id)], "invalid; reason=no-third-party-cookies"),
        (
            "",
            &[("Cookie", &id), ("Sec-Fetch-Storage-Access", "none")],
            "invalid; reason=no-third-party-cookies",
        ),
        ("?url=https://evil.example", &[("Cookie", &id), ACTIVE], "invalid; reason=foreign-redirect"),
    ] {
        let reply = world.get(&format!("{FRAME}{query}"), headers);
        let start = world.get(&format!("/match/acme/start{query}"), headers);
        assert_eq!((reply.status, reply.outcome()), (start.status, outcome), "{query} {headers:?}");
        assert_eq!((start.outcome(), reply.cookie(ID)), (outcome, None), "{query} {headers:?}");
        assert_eq!(images(&reply.text()), Vec::<String>::new());
        check_headers(&reply, "'none'");
        assert!(!reply.text().contains("adhub") && !reply.text().contains("evil"));
    }
    for (target, outcome) in [
        ("/match/nobody/frame", "invalid; reason=unknown-partner"),
        ("/match/strict/frame", "invalid; reason=unknown-callback"),
    ] {
        let reply = world.get(target, &[("Cookie", &id), ACTIVE]);
        assert_eq!((reply.status, reply.outcome()), (400, outcome));
    }
    assert_eq!(world.get("/match/a/b/frame", &[ACTIVE]).status, 404);
    assert_eq!(world.post(FRAME, &[ACTIVE], "").status, 405);
    assert!(world.log_bytes() == before);
}

#[test]
fn a_page_is_offered_where_a_frame_is_allowed() {
    let world = world();
    let id = browser(&world);
    let cookie = ("Cookie", &*id);
    let ask = |more: serde_json::Value| {
        let mut body = json!({"bidders": ["acme"], "us_privacy": "1YNN", "gpp_sid": [-1]});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let reply = world.post("/cookie_sync", &[cookie, ACTIVE, PUBLISHER], &body.to_string());
        reply.json()["bidder_status"].clone()
    };
    let asked = ask(json!({}));
    assert_eq!(asked[0]["usersync"]["type"], "iframe");
    let url = asked[0]["usersync"]["url"].as_str().expect("an address");
    assert_eq!(url, "//px.localhost/match/acme/frame?us_privacy=1YNN&gpp_sid=-1");
    let page = world.get(url.strip_prefix("//px.localhost").expect("our host"), &[cookie, ACTIVE]);
    assert_eq!(parameter(&images(&page.text())[0], "us"), "1YNN");
    let no_frames = json!({"filterSettings": {"iframe": {"bidders": "*", "filter": "exclude"}}});
    let asked = ask(no_frames);
    assert_eq!(asked[0]["usersync"]["type"], "redirect");
    assert!(
        asked[0]["usersync"]["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://partner.localhost:9111/"))
    );
    for refused in [json!({"us_privacy": "1YYN"}), json!({"gdpr": 1, "gdpr_consent": "x"})] {
        assert_eq!(ask(refused), json!([]));
    }
    let headers = [cookie, ACTIVE, ("Referer", "http://news.localhost:8090/")];
    let target = "/i/adsct?txn_id=o8z6j&us_privacy=1YNN&tpx_cb=twttr.conversion.loadPixels";
    let script = world.get(target, &headers).text();
    let list = script.strip_prefix("twttr.conversion.loadPixels(").and_then(|rest| rest.strip_suffix(");"));
    let list: serde_json::Value = serde_json::from_str(list.expect("a call")).expect("its argument");
    assert_eq!(list["hif"], json!(["//px.localhost/match/acme/frame?us_privacy=1YNN"]));
    assert!(
        list["tags"].as_array().is_some_and(|tags| tags.iter().all(|tag| !tag.to_string().contains(":9111")))
    );
}

#[test]
fn who_may_frame_a_page_is_who_is_registered() {
    for (origins, expect) in [
        (&[][..], "*"),
        (
            &["https://*.news.example", "https://shop.example:8443"],
            "https://*.news.example https://shop.example:8443",
        ),
        (&["https://a*.example", "https://b.example"], "https://b.example"),
        (&["https://a*.example", "https://a.example; script-src *", "https://*"], "'none'"),
    ] {
        let world = World::with(|config| {
            config.partners.iter_mut().filter(|one| one.name == "acme").for_each(with_pixels);
            let parsed = origins.iter().map(|text| OriginPattern::parse(text).expect("a pattern"));
            config.matching.publisher_origins = parsed.collect();
        });
        let reply = world.get(FRAME, &[ACTIVE]);
        let policy = reply.header("Content-Security-Policy").unwrap_or_default();
        assert!(policy.contains(&format!("; frame-ancestors {expect}; ")), "{policy}");
        assert!(!policy.contains("script-src"), "{policy}");
    }
}
