//! The tag's files, as pages load them.

use std::io::Read as _;

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

use crate::world::{Reply, World, send};

const FILES: [(&str, &str); 6] = [
    ("/uwt.js", "text/javascript"),
    ("/t/1.0.0/uwt.js", "text/javascript"),
    ("/t/1.0.0/debug.js", "text/javascript"),
    ("/t/1.0.0/panel.js", "text/javascript"),
    ("/t/1.0.0/panel.css", "text/css"),
    ("/t/1.0.0/panel.html", "text/html"),
];

#[test]
fn the_tags_files_are_for_every_page_and_read_and_set_no_cookie() {
    let world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie("__Host-Http-pg").expect("an id cookie");
    for (path, content_type) in FILES {
        let plain = world.get(path, &[]);
        assert_eq!(plain.status, 200, "{path}");
        assert!(plain.header("Content-Type").is_some_and(|found| found.starts_with(content_type)), "{path}");
        assert_eq!(plain.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
        assert_eq!(plain.header("Cross-Origin-Resource-Policy"), Some("cross-origin"), "{path}");
        assert_eq!(plain.header("Vary"), Some("Accept-Encoding"), "{path}");
        for cookie in [&*id, "pg_optout=1", "pg_prefs=1000"] {
            let reply = world.get(path, &[("Cookie", cookie)]);
            assert_eq!((dateless(&reply), &reply.body), (dateless(&plain), &plain.body), "{path} {cookie}");
            assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{path}");
        }
    }
}

#[test]
fn a_published_version_is_kept_for_ever_and_has_the_hash_that_was_published() {
    let world = World::dev();
    let published = world.get("/t/1.0.0/uwt.js", &[]);
    assert_eq!(published.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
    let hash = format!("sha256-{}", BASE64.encode(digest(&SHA256, &published.body).as_ref()));
    assert_eq!(hash, include_str!("../../static/tag/dist/1.0.0/integrity"));
    let current = world.get("/uwt.js", &[]);
    assert_eq!(current.header("Cache-Control"), Some("public, max-age=3600"));
    assert_eq!(current.body, published.body);
    for path in ["/t/0.9.0/uwt.js", "/t/1.0.0/", "/t/1.0.0/integrity", "/t/1.0.0/../uwt.js", "/t/uwt.js"] {
        assert_eq!(world.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn a_browser_that_takes_gzip_gets_the_same_in_fewer_bytes() {
    let world = World::dev();
    let plain = world.get("/uwt.js", &[]);
    let zipped = world.get("/uwt.js", &[("Accept-Encoding", "br;q=1, gzip")]);
    assert_eq!((plain.header("Content-Encoding"), zipped.header("Content-Encoding")), (None, Some("gzip")));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*zipped.body).read_to_end(&mut text).expect("valid gzip");
    assert_eq!(text, plain.body);
    assert!(zipped.body.len() <= 2_560, "{} bytes", zipped.body.len());
}

#[test]
fn the_tags_files_are_read_and_not_written() {
    let world = World::dev();
    for (path, _) in FILES {
        let head = send(world.public(), "HEAD", path, &[], "");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("Content-Length"), world.get(path, &[]).header("Content-Length"), "{path}");
        let posted = world.post(path, &[], "");
        assert_eq!((posted.status, posted.header("Allow")), (405, Some("GET, HEAD")), "{path}");
    }
}

/// All headers but the time.
fn dateless(reply: &Reply) -> Vec<&(String, String)> {
    reply.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date")).collect()
}
