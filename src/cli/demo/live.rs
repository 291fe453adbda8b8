//! The demo page: what became of every hit, and buttons that send some.

use std::net::SocketAddr;

use askama::Template;

use super::hits::{HITS, Hit};
use super::pages::{nothing_here, page, parameter, see_other};
use super::places::Places;
use super::rows::{self, Row};
use crate::cli::fetch::{Reply, fetch};
use crate::http::request::Head;
use crate::http::service::Answering;

/// The server that the demo is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Server {
    /// The pixel's listener.
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
}

pub(super) fn answer<'p>(places: &'p Places, server: Server, head: &Head<'_>, body: &[u8]) -> Answering<'p> {
    match (head.method, head.path) {
        ("GET" | "HEAD", "/") => {
            Answering::later(
                async move { page(places, &Demo { places, hits: &HITS, seen: server.seen().await }) },
            )
        }
        ("GET" | "HEAD", "/rows") => Answering::later(async move { page(places, &server.seen().await) }),
        ("POST", "/send") => {
            let hit = parameter(body, "hit").and_then(|name| Hit::named(&name));
            Answering::later(async move {
                if let Some(hit) = hit {
                    // What became of it, and whether anything did, is what the page shows.
                    let _ = fetch(server.public, &hit.request(server.public, places)).await;
                }
                see_other("/")
            })
        }
        _ => Answering::Now(nothing_here()),
    }
}

impl Server {
    /// What it says about the hits so far.
    async fn seen(self) -> Seen {
        let request = format!("GET /dev/all HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin);
        let rows = match fetch(self.admin, &request).await {
            Ok(Reply { status: 200, body, .. }) => rows::from_json(&body).map_err(|error| error.to_string()),
            Ok(Reply { status, .. }) => Err(format!("the admin listener answers {status}")),
            Err(error) => Err(format!("the admin listener cannot be asked: {error}")),
        };
        match rows {
            Ok(rows) => Seen::new(rows),
            Err(trouble) => Seen { trouble: Some(trouble), ..Seen::new(Vec::new()) },
        }
    }
}

#[derive(Template)]
#[template(path = "demo.html", config = "static/demo/askama.toml")]
struct Demo<'p> {
    places: &'p Places,
    hits: &'p [Hit],
    seen: Seen,
}

/// The hits so far, newest first.
#[derive(Template)]
#[template(path = "rows.html", config = "static/demo/askama.toml")]
struct Seen {
    rows: Vec<Row>,
    stored: usize,
    duplicates: usize,
    not_stored: usize,
    /// Why there is nothing to show.
    trouble: Option<String>,
}

impl Seen {
    fn new(mut rows: Vec<Row>) -> Self {
        let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
        let (stored, duplicates, not_stored) = (count("stored"), count("duplicate"), count("refused"));
        rows.truncate(ROWS_SHOWN);
        Self { rows, stored, duplicates, not_stored, trouble: None }
    }
}

/// Older ones are in the log.
const ROWS_SHOWN: usize = 100;
