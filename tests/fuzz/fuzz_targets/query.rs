//! The pixel's query, read as a hit: no panic, and what a parameter says does not depend on unknown ones.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use pixelgate::http::pixel_hit::Reader;
use pixelgate::http::request::Head;
use pixelgate::http::visitor::parameters;
use pixelgate::service::hit::PixelHit;

fuzz_target!(|query: &str| {
    let hit = hit_of(&head(query));
    assert_eq!(hit, hit_of(&head(query)), "the same query, another hit");
    let with_unknown = format!("no_such_parameter=1&{query}&no_such_parameter=%FF");
    assert_eq!(hit, hit_of(&head(&with_unknown)), "an unknown parameter made a difference");
    if let Some(page) = &hit.page {
        assert!(!page.trim().is_empty(), "an empty page");
    }
});

fn head(query: &str) -> Head<'_> {
    Head {
        method: "GET",
        path: "/i/adsct",
        query,
        headers: &[],
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        via_trusted_proxy: false,
    }
}

fn hit_of<'q>(head: &Head<'q>) -> PixelHit<'q> {
    let mut reader = Reader::new();
    parameters(head).for_each(|(name, value)| reader.see(&name, value));
    reader.finish(head)
}
