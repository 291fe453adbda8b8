//! The code of a test in a request: its own parameter, or one in the address of the page that it comes from.
//!
//! Looked for while somebody tests, and never otherwise.

use std::borrow::Cow;

use super::request::Head;
use super::visitor::{decode, parameter};
use crate::service::test_events::TestCode;

pub(super) const NAME: &str = "pg_test";

/// The first that may be one.
pub(super) fn of_hit(head: &Head<'_>) -> Option<TestCode> {
    let said = |name| parameter(head, name).and_then(|page| of_address(&page));
    of_query(head)
        .or_else(|| said("tw_document_href"))
        // In a frame this is the page around it; elsewhere the page before, so that the code holds for one link more.
        .or_else(|| said("tw_document_referrer"))
        .or_else(|| head.header("referer").and_then(of_address))
}

/// Of a request that has no page.
pub(super) fn of_query(head: &Head<'_>) -> Option<TestCode> {
    parameter(head, NAME).and_then(|code| TestCode::parse(&code))
}

fn of_address(address: &str) -> Option<TestCode> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let values = query.split('&').filter_map(|pair| pair.strip_prefix(NAME)?.strip_prefix('='));
    values.map(decode).find_map(|code: Cow<'_, str>| TestCode::parse(&code))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[track_caller]
    fn check(query: &str, referer: &str, expect: Option<&str>) {
        let head = Head {
            method: "GET",
            path: "/i/adsct",
            query,
            headers: &[("Referer", referer.as_bytes())],
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            via_trusted_proxy: false,
        };
        assert_eq!(of_hit(&head).map(|code| code.to_string()).as_deref(), expect, "{query} {referer}");
    }

    #[test]
    fn a_code_is_in_the_hit_or_in_the_address_of_its_page() {
        check("txn_id=o8z6j&pg_test=ABCD1234", "", Some("abcd1234"));
        let page = "tw_document_href=http%3A%2F%2Fshop.localhost%2F%3Fa%3Db%26pg_test%3Dabcd1234%23top";
        check(page, "", Some("abcd1234"));
        check(&format!("pg_test=ffff0000&{page}"), "", Some("ffff0000"));
        check("tw_document_referrer=http://shop.localhost/?pg_test=abcd1234", "", Some("abcd1234"));
        check("txn_id=o8z6j", "http://shop.localhost/?pg_test=abcd1234", Some("abcd1234"));
        for query in
            ["", "pg_test=short", "tw_document_href=http://a.example/pg_test=abcd1234", "xpg_test=abcd1234"]
        {
            check(query, "http://a.example/?xpg_test=abcd1234#?pg_test=abcd1234", None);
        }
    }
}
