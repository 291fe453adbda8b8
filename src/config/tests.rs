//! What a configuration may say, and how every kind of mistake in one is told.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::domain::link::Placement;

/// One mistake a test replaces a part of this.
const GOOD: &str = r#"
data_dir = "/var/lib/pixelgate"

[public]
listen = "0.0.0.0:443"
tls = { certificate = "chain.pem", key = "key.pem" }
workers = 4

[admin]
listen = "127.0.0.1:8081"
token = { env = "ADMIN_TOKEN" }

[proxies]
trusted = ["10.0.0.0/8", "fd00::/8"]
country_header = "CF-IPCountry"

[geo]
database = "country.mmdb"

[log]
file_bytes = 67_108_864
retain = { page_view = "90d", conversion = "9600h" }
queue_entries = 4096
ack = { page_view = "memory", conversion = "disk", opt_out = "disk" }

[consent]
default_regime = "gdpr"

[cookie]
name = "pg"
max_age_days = 400

[[cookie_keys]]
id = 2
secret = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

[[cookie_keys]]
id = 1
secret = { env = "OLD_KEY" }

[limits]
uri_bytes = 4096
drain_s = 5

[rate_limits]
per_address_per_s = 20

[[accounts]]
id = "18ce54d4x5t"
name = "Shop"
country = "us"

[[accounts.pixels]]
id = "o8z6j"
origins = ["https://*.shop.example"]

[[accounts.pixels.event_tags]]
id = "o87ne"
name = "Purchase"
type = "PURCHASE"
click_window = 30
view_through_window = 1
"#;

fn environment(name: &str) -> Option<String> {
    match name {
        "ADMIN_TOKEN" => Some("a-token-of-enough-characters".to_owned()),
        "OLD_KEY" => Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned()),
        _ => None,
    }
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = Config::parse(text, &environment).err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

/// `GOOD` with `right` replaced by `wrong` has exactly the mistake `expect`.
#[track_caller]
fn check(right: &str, wrong: &str, expect: &str) {
    assert_eq!(GOOD.matches(right).count(), 1, "{right:?} is in the good configuration once");
    assert_eq!(mistakes(&GOOD.replace(right, wrong)), [expect], "{right:?} -> {wrong:?}");
}

#[test]
fn a_good_configuration_is_read_as_it_is_written() {
    let config = Config::parse(GOOD, &environment).expect("a good configuration");
    assert_eq!(config.mode, Mode::Production);
    assert_eq!(config.public.listen.to_string(), "0.0.0.0:443");
    assert_eq!(config.workers, Some(4));
    assert_eq!(config.proxies.trusted.len(), 2);
    assert_eq!(
        config.log.ack,
        AckClasses { page_view: Ack::Memory, conversion: Ack::Disk, matches: Ack::Os, touch: Ack::Os }
    );
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let retain = Retain {
        page_view: Some(days(90)),
        conversion: Some(days(400)),
        embed_view: None,
        matches: None,
        touch: None,
    };
    assert_eq!((config.log.retain, config.erase_within), (retain, days(1)));
    assert_eq!(config.policy.default_regime, Regime::Gdpr);
    assert_eq!(config.cookie, Cookie { name: "pg".to_owned(), max_age_days: 400 });
    assert_eq!(config.limits, Limits { uri_bytes: 4096, drain_s: 5, ..Limits::default() });
    assert_eq!(config.rate_limits.map(|limits| limits.per_address_per_s), Some(20));
    assert_eq!(config.accounts[0].country.expect("a country").code(), "US");
    let keys: Vec<&[u8]> = config.cookie_keys.iter().map(|key| key.secret.expose_secret()).collect();
    assert_eq!(keys[0][..3], [0x00, 0x11, 0x22]);
    assert_eq!(keys[1][..3], [0, 1, 2]);
    assert_eq!((keys[0].len(), keys[1].len()), (32, 32));
}

#[test]
fn the_smallest_configuration_has_defaults_for_the_rest() {
    let text = r#"
        data_dir = "d"
        public.listen = "127.0.0.1:80"
        consent.default_regime = "none"
        cookie_keys = [{ id = 1, secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" }]
    "#;
    let config = Config::parse(text, &environment).expect("a small configuration");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert!(config.admin_token.is_none() && config.public.tls.is_none() && config.workers.is_none());
    assert_eq!(config.cookie, Cookie { name: "__Host-Http-pg".to_owned(), max_age_days: 90 });
    assert_eq!(
        config.log.ack,
        AckClasses { page_view: Ack::Os, conversion: Ack::Disk, matches: Ack::Os, touch: Ack::Os }
    );
    assert_eq!(config.log.file_bytes, 64 << 20);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.rate_limits, Some(RateLimits::default()));
}

const REQUESTER: &str = r#"
[matching]
secret = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

[[partners]]
id = 7
name = "adhub"

[delete]
issuer = "Pixelgate.example"

[[delete.requesters]]
issuer = "Shop.example"
public_key = "shop.jwk"

[[delete.requesters]]
issuer = "partner.example"
public_key = "partner.pem"
partner = 7
"#;

#[test]
fn companies_that_may_ask_for_erasures_have_a_domain_and_a_key() {
    let read = |text: &str| Config::parse(&format!("{GOOD}{text}"), &environment);
    assert_eq!(read("").expect("a good configuration").delete, None);
    assert_eq!(read("[delete]\nissuer = \"a.b\"\n").expect("a good configuration").delete, None);
    let requester = |issuer: &str, key: &str, partner: Option<u32>| Requester {
        issuer: issuer.to_owned(),
        public_key: key.into(),
        partner_id: partner.map(crate::domain::id::PartnerId::from_number),
    };
    let mut expect = Delete {
        issuer: "pixelgate.example".to_owned(),
        endpoint: "https://pixelgate.example/v1/delete".to_owned(),
        request_max_age: Duration::from_secs(86_400),
        requesters: vec![
            requester("shop.example", "shop.jwk", None),
            requester("partner.example", "partner.pem", Some(7)),
        ],
    };
    assert_eq!(read(REQUESTER).expect("a good configuration").delete.as_ref(), Some(&expect));
    let more = "issuer = \"a.b\"\nendpoint = \"https://x.example/y\"\nrequest_max_age = \"1m\"";
    let text = REQUESTER.replace("issuer = \"Pixelgate.example\"", more);
    expect.issuer = "a.b".to_owned();
    expect.endpoint = "https://x.example/y".to_owned();
    expect.request_max_age = Duration::from_secs(60);
    assert_eq!(read(&text).expect("a good configuration").delete, Some(expect));
}

#[test]
fn mistakes_about_who_may_ask_for_erasures_are_told() {
    for (right, wrong, expect) in [
        ("issuer = \"Pixelgate.example\"\n", "", "delete.issuer: missing"),
        ("Pixelgate.example", "https://pixelgate.example", "expected a domain such as"),
        ("Pixelgate.example", "localhost", "expected a domain such as"),
        ("issuer = \"Pixelgate", "endpoint = \"http://a\"\nissuer = \"Pixelgate", "starts with https://"),
        ("issuer = \"Pixelgate", "request_max_age = \"2d\"\nissuer = \"Pixelgate", "request_max_age"),
        ("partner.example", "SHOP.example", "doubled requester"),
        ("public_key = \"shop.jwk\"", "", "delete.requesters[1].public_key: missing"),
        ("partner = 7", "partner = 0", "delete.requesters[2].partner"),
        ("partner = 7", "partner = 8", "expected the id of one of [[partners]]"),
        ("partner = 7", "partnr = 7", "did you mean \"partner\"?"),
    ] {
        assert_eq!(REQUESTER.matches(right).count(), 1, "{right}");
        let found = mistakes(&format!("{GOOD}{}", REQUESTER.replace(right, wrong)));
        assert!(found.len() == 1 && found[0].contains(expect), "{wrong}: {found:?}");
    }
}

#[test]
fn a_dnt_policy_is_published_only_where_one_is_named() {
    let policy = |text: &str| Config::parse(text, &environment).expect("a good configuration").dnt_policy;
    assert_eq!(policy(GOOD), None);
    let named = format!("{GOOD}\n[privacy]\ndnt_policy = \"dnt-policy.txt\"\n");
    assert_eq!(policy(&named).as_deref(), Some(Path::new("dnt-policy.txt")));
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one() {
    check("file_bytes", "file_byte", "21:1: log.file_byte: unknown key; did you mean \"file_bytes\"?");
    check("[geo]", "[goe]", "17:2: goe: unknown key; did you mean \"geo\"?");
    check("max_age_days", "age", "31:1: cookie.age: unknown key; did you mean \"max_age_days\"?");
    check("database", "wombat", "18:1: geo.wombat: unknown key; expected one of database");
    check(
        "page_view = \"memory\"",
        "pageview = \"memory\"",
        "24:9: log.ack.pageview: unknown key; did you mean \"page_view\"?",
    );
}

#[test]
fn types_and_ranges_are_told() {
    check(
        "= 4\n",
        "= \"4\"\n",
        "7:11: public.workers: this is a string; expected a whole number from 1 to 1024",
    );
    check(
        "= 4\n",
        "= 0\n",
        "7:11: public.workers: 0 is out of range; expected a whole number from 1 to 1024",
    );
    check(
        "= 4\n",
        "= -1\n",
        "7:11: public.workers: -1 is out of range; expected a whole number from 1 to 1024",
    );
    check(
        "= 5\n",
        "= 601\n",
        "43:11: limits.drain_s: 601 is out of range; expected a whole number from 1 to 600",
    );
    check("\"country.mmdb\"", "[]", "18:12: geo.database: this is an array; expected a string");
    check(
        "= \"0.0.0.0:443\"",
        "= \"localhost\"",
        "5:10: public.listen: \"localhost\" does not fit; \
         expected an address and port such as \"127.0.0.1:8080\" or \"[::]:443\"",
    );
    check(
        "certificate = \"chain.pem\", ",
        "",
        "6:7: public.tls.certificate: missing; name the PEM file with the certificate chain",
    );
    check(
        "\"10.0.0.0/8\"",
        "\"10.0.0.0/33\"",
        "14:12: proxies.trusted[1]: \"10.0.0.0/33\" does not fit; expected a network such as \"10.0.0.0/8\"",
    );
    check(
        "\"CF-IPCountry\"",
        "\"a b\"",
        "15:18: proxies.country_header: \"a b\" does not fit; expected the name of a header",
    );
    check(
        "max_age_days = 400",
        "max_age_days = 401",
        "31:16: cookie.max_age_days: 401 is out of range; expected a whole number from 1 to 400",
    );
    check(
        "name = \"pg\"",
        "name = \"p g\"",
        "30:8: cookie.name: \"p g\" does not fit; expected the name of a cookie",
    );
}

#[test]
fn how_strictly_signals_count_is_strict_unless_it_says_otherwise() {
    let regime = "default_regime = \"gdpr\"";
    let with =
        |lines: &str| Config::parse(&GOOD.replace(regime, &format!("{regime}\n{lines}")), &environment);
    let strict = with("").expect("a good configuration").policy;
    assert_eq!(strict, Policy::new(Regime::Gdpr));
    let said = "gpc = \"always\"\ndnt = \"always\"\nus_opt_out = \"deny\"";
    assert_eq!(with(said).expect("a good configuration").policy, strict);
    let lenient = "gpc = \"where-required\"\ndnt = \"where-required\"\nus_opt_out = \"measure_without_id\"";
    let lenient = with(lenient).expect("a good configuration").policy;
    assert_eq!((lenient.gpc, lenient.dnt), (Honour::WhereRequired, Honour::WhereRequired));
    assert_eq!(lenient.us_opt_out, UsOptOut::MeasureWithoutId);
    assert_eq!(
        with("gpc = \"never\"\ndnt = true\nus_opt_out = \"allow\"").expect_err("three mistakes").len(),
        3
    );
}

#[test]
fn who_we_are_in_consent_strings_is_read_as_it_is_written() {
    let regime = "default_regime = \"gdpr\"";
    let ids = "vendor_id = 755\nvendor_list = \"list.json\"\nadchoices_participant = 4095";
    let config = Config::parse(&GOOD.replace(regime, &format!("{regime}\n{ids}")), &environment);
    let config = config.expect("a good configuration");
    assert_eq!((config.policy.vendor_id, config.policy.vendors), (Some(755), None));
    assert_eq!((config.policy.adchoices_participant, config.policy.vendors_days_max), (Some(4_095), 90));
    assert_eq!(config.vendor_list, Some(VendorListSource::File("list.json".into())));
    let days = GOOD.replace(regime, &format!("{regime}\nvendor_list_max_age_days = 14"));
    assert_eq!(Config::parse(&days, &environment).expect("good").policy.vendors_days_max, 14);
    for wrong in [
        "vendor_id = 0",
        "vendor_id = 65536",
        "adchoices_participant = 4096",
        "vendor_list = \"list.json\"",
        "vendor_list_max_age_days = 0",
        "vendor_list_max_age_days = 36501",
    ] {
        assert_eq!(mistakes(&GOOD.replace(regime, &format!("{regime}\n{wrong}"))).len(), 1, "{wrong}");
    }
}

#[test]
fn the_default_regime_has_to_be_chosen() {
    let fix = "choose what applies where a visitor's country is not known: \"gdpr\" (store nothing without consent), \
               \"us\" (store unless opted out) or \"none\"; nobody can choose it for you";
    check("default_regime = \"gdpr\"", "", &format!("26:1: consent.default_regime: missing; {fix}"));
    check(
        "[consent]\ndefault_regime = \"gdpr\"",
        "",
        &format!("1:1: consent.default_regime: missing; {fix}"),
    );
    check(
        "\"gdpr\"",
        "\"gpdr\"",
        "27:18: consent.default_regime: \"gpdr\" is unknown; did you mean \"gdpr\"? expected one of none, us, gdpr",
    );
}

#[test]
fn times_are_a_number_and_a_unit_within_their_limits() {
    for wrong in [
        "90",
        "d",
        "",
        "1.5d",
        "-9d",
        "+9d",
        "9 d",
        "9w",
        "1d",
        "47h",
        "3651d",
        "99999999999999999999d",
        "9ä",
    ] {
        let expect = format!(
            "22:24: log.retain.page_view: \"{wrong}\" does not fit; \
             expected a time from 2 to 3650 days, as \"90d\" (units s, m, h, d)"
        );
        check("\"90d\"", &format!("\"{wrong}\""), &expect);
    }
    for right in ["2d", "48h", "2880m", "172800s", "3650d"] {
        assert!(Config::parse(&GOOD.replace("90d", right), &environment).is_ok(), "{right}");
    }
    check(
        "{ page_view = \"90d\"",
        "{ opt_out = \"90d\"",
        "22:22: log.retain.opt_out: an opt-out holds until it is taken back; leave this out",
    );
    check(
        "\"9600h\"",
        "400",
        "22:44: log.retain.conversion: this is an integer; \
         expected a time from 2 to 3650 days, as \"90d\" (units s, m, h, d)",
    );
    for (within, is_right) in [("1s", true), ("30d", true), ("0s", false), ("31d", false)] {
        let text = format!("{GOOD}\n[erasure]\nwithin = \"{within}\"\n");
        assert_eq!(Config::parse(&text, &environment).is_ok(), is_right, "{within}");
    }
}

#[test]
fn a_choice_of_somebodys_is_never_less_than_on_the_disk() {
    for kind in ["opt_out", "settings", "erasure"] {
        check(
            "opt_out = \"disk\"",
            &format!("{kind} = \"os\""),
            &format!(
                "24:{}: log.ack.{kind}: a choice that could be lost is none; expected \"disk\", which can't be lowered",
                55 + kind.len()
            ),
        );
        let good = GOOD.replace("opt_out = \"disk\"", &format!("{kind} = \"disk\""));
        assert_eq!(mistakes(&good), Vec::<String>::new(), "{kind}");
    }
    check(
        "conversion = \"9600h\"",
        "settings = \"9600h\"",
        "22:42: log.retain.settings: an account's settings hold until they are changed; leave this out",
    );
    check(
        "\"memory\"",
        "\"ram\"",
        "24:21: log.ack.page_view: \"ram\" is unknown; expected one of memory, os, disk",
    );
}

#[test]
fn an_admin_listener_that_others_reach_needs_tls_and_a_token() {
    let expect = "10:10: admin.listen: the admin listener would be open to other machines; \
                  expected a loopback address, or both admin.tls and admin.token";
    check("127.0.0.1:8081", "0.0.0.0:8081", expect);
    check(
        "127.0.0.1:8081\"\ntoken = { env = \"ADMIN_TOKEN\" }",
        "[::]:8081\"\ntls = { certificate = \"c\", key = \"k\" }",
        expect,
    );
    let both = GOOD.replace("127.0.0.1:8081\"", "0.0.0.0:8081\"\ntls = { certificate = \"c\", key = \"k\" }");
    assert_eq!(mistakes(&both), [""; 0]);
}

#[test]
fn a_country_header_without_a_trusted_proxy_would_never_be_read() {
    check(
        "trusted = [\"10.0.0.0/8\", \"fd00::/8\"]",
        "",
        "15:18: proxies.country_header: no proxy is trusted, so nobody could send it; expected proxies.trusted to be set, too",
    );
}

#[test]
fn secrets_are_told_apart_from_what_everybody_knows_and_never_shown() {
    let short = "not 32 or more bytes; expected at least 32 bytes in base64url or hex; `pixelgate keygen` prints them";
    check("{ env = \"OLD_KEY\" }", "\"c2hvcnQ\"", &format!("39:10: cookie_keys[2].secret: {short}"));
    check(
        "{ env = \"OLD_KEY\" }",
        "\"not base64url: it has spaces, and is long\"",
        &format!("39:10: cookie_keys[2].secret: {short}"),
    );
    check(
        "\"OLD_KEY\"",
        "\"NO_KEY\"",
        "39:18: cookie_keys[2].secret.env: the environment has no NO_KEY; set it before starting",
    );
    check(
        "{ env = \"OLD_KEY\" }",
        "7",
        "39:10: cookie_keys[2].secret: this is an integer; expected a string or { env = \"NAME\" }",
    );
    check(
        "{ env = \"ADMIN_TOKEN\" }",
        "\"dev-admin-token\"",
        "11:9: admin.token: this is the development token, which everybody knows; choose a random one",
    );
    check(
        "{ env = \"ADMIN_TOKEN\" }",
        "\"secret\"",
        "11:9: admin.token: too short to be a secret; expected at least 15 characters",
    );
    check(
        "{ env = \"OLD_KEY\" }",
        "\"dev-cookie-key-that-everybody-can-read-AAAA\"",
        "39:10: cookie_keys[2].secret: this is a development key, which everybody knows; `pixelgate keygen` prints a random one",
    );
    let misspelt = mistakes(&GOOD.replace("{ env = \"OLD_KEY\" }", "{ enw = \"OLD_KEY\" }"));
    assert!(misspelt[1].ends_with("secret.enw: unknown key; did you mean \"env\"?"), "{misspelt:#?}");
    let config = format!("{:?}", Config::parse(GOOD, &environment));
    assert!(!config.contains("00112233") && !config.contains("a-token-of"), "{config}");
}

#[test]
fn identifiers_are_used_once() {
    check(
        "id = 1\n",
        "id = 2\n",
        "38:6: cookie_keys[2].id: doubled cookie key id; line 34 has it already; every cookie key id is used once",
    );
    check(
        "id = 1\n",
        "id = 4294967296\n",
        "38:6: cookie_keys[2].id: 4294967296 is out of range; expected a whole number from 0 to 4294967295",
    );
    check(
        "\"o87ne\"",
        "\"O8Z6J\"",
        "58:6: accounts[1].pixels[1].event_tags[1].id: doubled pixel or event tag id; line 54 has it already; \
         every pixel or event tag id is used once",
    );
    let twice = format!("{GOOD}\n[[accounts]]\nid = \"18CE54D4X5T\"\nname = \"Other\"\n");
    assert_eq!(
        mistakes(&twice),
        ["65:6: accounts[2].id: doubled account id; line 49 has it already; every account id is used once"]
    );
}

#[test]
fn accounts_are_told_what_is_wrong_with_them() {
    let tag = "accounts[1].pixels[1].event_tags[1]";
    check(
        "\"us\"",
        "\"USA\"",
        "51:11: accounts[1].country: \"USA\" does not fit; expected two letters such as \"DE\"",
    );
    check("name = \"Shop\"\n", "", "48:1: accounts[1].name: missing; expected a name for people to read");
    check(
        "\"o8z6j\"",
        "\"o8-z6j\"",
        "54:6: accounts[1].pixels[1].id: \"o8-z6j\" does not fit; expected 1 to 12 characters 0-9 or a-z without a leading zero",
    );
    check(
        "\"https://*.shop.example\"",
        "\"shop.example\"",
        "55:12: accounts[1].pixels[1].origins[1]: \"shop.example\" does not fit; expected an origin such as \
         \"https://shop.example\" or \"https://*.example\", with at most two *, no path",
    );
    check(
        "= 30",
        "= 31",
        &format!("61:16: {tag}.click_window: 31 is no window; expected 1, 7, 14 or 30 days"),
    );
    check(
        "through_window = 1\n",
        "through_window = 2\n",
        &format!("62:23: {tag}.view_through_window: 2 is no window; expected 0, 1, 7, 14 or 30 days"),
    );
    check("= 30", "= 0", &format!("61:16: {tag}.click_window: 0 is no window; expected 1, 7, 14 or 30 days"));
    let long_view = "click_window = 7\nview_through_window = 14\n";
    check(
        "click_window = 30\nview_through_window = 1\n",
        long_view,
        &format!(
            "62:23: {tag}.view_through_window: 14 days are longer than the click window; expected at most click_window, which is 7"
        ),
    );
    let text = GOOD.replace("\"PURCHASE\"", "\"PURCHASES\"");
    assert!(
        mistakes(&text)[0]
            .starts_with(&format!("60:8: {tag}.type: \"PURCHASES\" is unknown; did you mean \"PURCHASE\"?"))
    );
}

#[test]
fn event_tags_are_based_on_no_sensitive_category_without_an_exception() {
    let tag = "accounts[1].pixels[1].event_tags[1]";
    check(
        "\"Purchase\"",
        "\"HIV test\"",
        &format!(
            "59:8: {tag}.name: \"hiv\" is of the category HEALTH, on which no event may be based; call it something else, or declare it where the account may"
        ),
    );
    let with = |account: &str, name: &str, categories: &str| {
        let text = GOOD.replace("country = \"us\"", account).replace("\"Purchase\"", name);
        format!("{text}categories = [{categories}]\n")
    };
    let certified = "country = \"us\"\npolitical_certified = true";
    let good = with(certified, "\"Trade union and wahlkampf\"", "\"TRADE_UNION\", \"POLITICS\"");
    let good = Config::parse(&good, &environment).expect("no mistake");
    assert_eq!(good.accounts[0].pixels[0].event_tags[0].categories.len(), 2);
    let leave = "leave it out, and the event tag with it";
    for (text, expect) in [
        (
            with("", "\"a\"", "\"TRADE_UNION\""),
            format!("[1]: TRADE_UNION is for accounts in the United States only; {leave}"),
        ),
        (
            with("country = \"us\"", "\"a\"", "\"POLITICS\""),
            "[1]: POLITICS is for accounts in the United States that are certified".to_owned(),
        ),
        (with(certified, "\"a\"", "\"HEALTH\""), format!("[1]: no event may be based on HEALTH; {leave}")),
        (
            with(certified, "\"a\"", "\"HEALHT\""),
            "[1]: \"HEALHT\" is unknown; did you mean \"HEALTH\"?".to_owned(),
        ),
        (
            with(certified, "\"a\"", "\"POLITICS\", \"POLITICS\""),
            "[2]: \"POLITICS\" is there twice".to_owned(),
        ),
    ] {
        let found = mistakes(&text);
        assert!(found.len() == 1 && found[0].contains(&format!("{tag}.categories{expect}")), "{found:?}");
    }
    let found = mistakes(&with("country = \"us\"", "\"Trade union\"", ""));
    assert!(found.len() == 1 && found[0].contains("which has to be declared in categories"), "{found:?}");
}

#[test]
fn ad_links_lead_to_landing_pages_for_line_items_of_their_own_account() {
    let ads = |name: &str, page: &str, item: &str| {
        format!(
            "{GOOD}\n[[accounts.campaigns]]\nid = \"8wku2\"\nname = \"Spring\"\nline_items = [{{ id = \"6zva5\", name = \"All\" }}]\n\
             [[accounts.links]]\nname = \"{name}\"\nlanding_page = \"{page}\"\nline_item = \"{item}\"\n"
        )
    };
    let page = "https://shop.example/landing#top";
    let good = Config::parse(&ads("spring", page, "6zva5"), &environment).expect("no mistake");
    assert_eq!(good.accounts[0].links[0].campaign_id.to_string(), "8wku2");
    for (text, expect) in [
        (
            ads("Spring", page, "6zva5"),
            "accounts[1].links[1].name: \"Spring\" does not fit; expected 1 to 64 characters a-z, 0-9, - or _",
        ),
        (
            ads("spring", "http://shop.example/", "6zva5"),
            "accounts[1].links[1].landing_page: this is no landing page; expected https://",
        ),
        (
            ads("spring", "https://shop.example/?a={gpp}", "6zva5"),
            "accounts[1].links[1].landing_page: this is no landing page; expected no macros",
        ),
        (
            ads("spring", page, "6zva6"),
            "accounts[1].links[1].line_item: no campaign of this account has the line item 6zva6; list it in line_items",
        ),
    ] {
        let found = mistakes(&text);
        assert!(found.len() == 1 && found[0].contains(expect), "{found:?}");
    }
    let elsewhere = "[[accounts]]\nid = \"18ce54d4x5u\"\nname = \"Other\"\n[[accounts.links]]\nname = \"spring\"\nlanding_page = \"https://other.example/\"\nline_item = \"6zva5\"\n";
    let found = mistakes(&format!("{}{elsewhere}", ads("spring", page, "6zva5")));
    assert!(
        found[0].contains("doubled link name") && found[1].contains("no campaign of this account"),
        "{found:?}"
    );
}

#[test]
fn all_mistakes_are_reported_together_in_the_order_of_their_places() {
    let text = GOOD
        .replace("= 4\n", "= \"4\"\n")
        .replace("\"gdpr\"", "\"europe\"")
        .replace("[limits]", "[limit]")
        .replace("id = 1\n", "id = 2\n")
        .replace("\"PURCHASE\"", "\"BUY\"");
    let found = Config::parse(&text, &environment).expect_err("five mistakes");
    let lines: Vec<usize> = found.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [7, 27, 38, 41, 60], "{found:#?}");
}

#[test]
fn a_line_that_is_not_toml_does_not_hide_other_mistakes() {
    let text = GOOD.replace("workers = 4", "workers = = 4").replace("file_bytes", "file_byte");
    let found = mistakes(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("7:11: not TOML: "), "{found:#?}");
    assert!(found[1].starts_with("21:1: log.file_byte: unknown key"), "{found:#?}");
    let doubled = GOOD.replace("workers = 4", "listen = \"0.0.0.0:80\"");
    assert_eq!(mistakes(&doubled).len(), 1);
}

#[test]
fn the_development_configuration_has_what_tutorials_rely_on() {
    let config = Config::dev(DevOptions::default());
    assert_eq!(config.mode, Mode::Development);
    assert_eq!(config.admin_token.as_ref().map(|token| token.expose_secret()), Some("dev-admin-token"));
    assert_eq!((config.public.listen.port(), config.admin.listen.port()), (8080, 8081));
    assert_eq!(config.log.file_bytes, 4 << 20);
    assert_eq!(config.policy.default_regime, Regime::None);
    assert_eq!(config.policy.vendor_id, Some(9_999));
    assert_eq!(config.vendor_list, Some(VendorListSource::Development));
    assert_eq!(config.rate_limits, None);
    assert!(Config::dev(DevOptions { rate_limits: true, ..DevOptions::default() }).rate_limits.is_some());
    let tags = config.accounts.iter().flat_map(|account| &account.pixels).flat_map(|pixel| {
        pixel.event_tags.iter().map(move |tag| {
            let windows = (tag.windows.click_days, tag.windows.view_days);
            format!("{} {} {} {windows:?}", pixel.id, tag.id, tag.event)
        })
    });
    let expect = [
        "o8z6j o87ne PURCHASE (30, 1)",
        "o8z6j o87nf SIGN_UP (30, 1)",
        "o8z6j o87ng SITE_VISIT (14, 1)",
        "o8z6j o87nh ADD_TO_CART (7, 0)",
        "o9bbb o9bbc PURCHASE (30, 1)",
    ];
    assert_eq!(tags.collect::<Vec<_>>(), expect);
    let pixel = "o8z6j".parse().expect("an id");
    let registry = config.registry();
    assert_eq!(registry.pixel(pixel).expect("the shop's pixel").account_id.to_string(), "18ce54d4x5t");
    let links = config.links();
    let link = links.get("spring").expect("the shop's ad link");
    let Placement { account_id, link: name, campaign_id, line_item_id } = &*link.placement;
    let placed = format!("{name} {account_id} {campaign_id} {line_item_id} {}", link.landing_page);
    assert_eq!(placed, "spring 18ce54d4x5t 8wku2 6zva5 http://shop.localhost:8090/landing?utm_source=ad");
}

#[test]
fn what_is_public_is_refused_outside_development() {
    // The admin token, two keys, and of each account two tokens and two secrets.
    let found = mistakes(DEV_TOML);
    assert_eq!(found.len(), 3 + 2 * 4, "{found:#?}");
}

#[test]
fn a_partner_with_mistakes_has_each_of_them_told() {
    let text = format!(
        "{GOOD}\n[[partners]]\nid = 7\nname = \"Adhub\"\nvendor_id = 25\nprovider_id = 89\n\
         image = \"http://match.adhub.example/\"\niframe = \"https://a.example/?x={{nobody}}\"\n\
         id_pattern = \"[\"\nid_chars_max = 257\nrematch = \"1m\"\ncallbacks = [{{ name = \"ok\" }}]\n\
         [[partners]]\nid = 7\nname = \"b\"\n[[partners]]\nname = \"b\"\n"
    );
    let found = mistakes(&text);
    let keys: Vec<_> = found.iter().map(|mistake| mistake.split(' ').nth(1).unwrap_or_default()).collect();
    println!("{found:#?}");
    for key in [
        "name",
        "provider_id",
        "image",
        "iframe",
        "id_pattern",
        "id_chars_max",
        "rematch",
        "callbacks[1].url",
        "matching.secret",
    ] {
        assert!(keys.iter().any(|found| found.contains(key)), "{key}: {keys:?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
}

#[test]
fn keys_of_accounts_with_mistakes_have_each_of_them_told() {
    let text = format!(
        "{GOOD}\n[[accounts]]\nid = \"z1\"\nname = \"Z\"\npixel_token = \"under-16-chars\"\n\
         bearer_token = \"0123456789abcdef\"\noauth = {{ consumer_key = \"k\", access_token = \"a\", access_secret = \"x\" }}\n\
         [[accounts]]\nid = \"z2\"\nname = \"Z\"\nbearer_token = \"0123456789abcdef\"\n"
    );
    let found = mistakes(&text);
    for path in [
        "accounts[2].pixel_token: ",
        "accounts[2].oauth.consumer_secret: ",
        "accounts[2].oauth.access_secret: ",
        "accounts[3].bearer_token: ",
    ] {
        assert!(found.iter().any(|mistake| mistake.contains(path)), "{path}: {found:#?}");
    }
    assert!(
        found.iter().all(|mistake| !mistake.contains("0123456789") && !mistake.contains("under-16")),
        "{found:#?}"
    );
    assert_eq!(found.len(), 4, "{found:#?}");
}

#[test]
fn an_account_may_name_the_currency_of_its_reports() {
    let text = GOOD.replacen("\nname = \"Shop\"\n", "\nname = \"Shop\"\ncurrency = \"eur\"\n", 1);
    let config = Config::parse(&text, &environment).expect("a good configuration");
    assert_eq!(config.accounts[0].currency.to_string(), "EUR");
    let found = mistakes(&text.replace("\"eur\"", "\"euro\""));
    assert!(found.len() == 1 && found[0].contains("accounts[1].currency: "), "{found:#?}");
}

#[test]
fn targeting_files_with_mistakes_have_each_of_them_told() {
    let text = format!(
        "{GOOD}\n[[partners]]\nid = 7\nname = \"adhub\"\nkinds = [\"rtb\"]\n[partners.targeting]\n\
         url = \"https://files.adhub.example/today.tsv.gz\"\nuser = \"a:b\"\npassword = \"p\"\n\
         every = \"30s\"\nexpires = \"91d\"\nexpire = 1\n[[accounts]]\nid = \"z1\"\nname = \"Z\"\n\
         handle = \"@shop.example\"\n"
    );
    let found = mistakes(&text);
    for key in ["url", "user", "password", "every", "expires", "expire"] {
        let path = format!("partners[1].targeting.{key}: ");
        assert!(found.iter().any(|mistake| mistake.contains(&path)), "{key}: {found:#?}");
    }
    assert!(found.iter().any(|mistake| mistake.contains("accounts[2].handle: ")), "{found:#?}");
    assert!(found.iter().any(|mistake| mistake.contains("matching.secret")), "{found:#?}");
    let no_audiences = "targeting: the partner has no audiences";
    assert!(found.iter().any(|mistake| mistake.contains(no_audiences)), "{found:#?}");
    assert_eq!(found.len(), 9, "{found:#?}");
}

#[test]
fn a_partner_is_of_known_kinds_and_has_no_address_of_no_use() {
    let partner = |kinds: &str| {
        format!(
            "{GOOD}\n[matching]\nsecret = \"{}\"\n[[partners]]\nid = 9\nname = \"meter\"\n{kinds}",
            "0f".repeat(SECRET_BYTES_MIN)
        )
    };
    let good = |kinds: &str| {
        let config = Config::parse(&partner(kinds), &environment);
        let config = config.unwrap_or_else(|mistakes| panic!("{kinds}: {mistakes:?}"));
        let partner = config.partners.iter().find(|partner| partner.name == "meter").expect("it is there");
        partner.kinds.names().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(good(""), "audience");
    assert_eq!(good("kinds = [\"measurement\"]"), "measurement");
    let image = "image = \"https://p.example/?id={browser_id}\"";
    assert_eq!(good(&format!("kinds = [\"rtb\", \"audience\"]\n{image}")), "audience rtb");
    let all = format!(
        "{image}\niframe = \"https://p.example/\"\npixels = [\"https://p.example/\"]\n\
         callbacks = [{{ name = \"ok\", url = \"https://p.example/\" }}]"
    );
    let no_use = ["image", "iframe", "pixels", "callbacks"].map(|key| {
        format!("partners[1].{key}: a measurement partner takes no part in cookie matching; leave this out, or add")
    });
    for (kinds, expect) in [
        ("kinds = []", &["kinds: there is no kind; expected at least one of audience, rtb, measurement"][..]),
        ("kinds = \"rtb\"", &["partners[1].kinds: this is a string; expected an array"]),
        (
            "kinds = [\"rtp\", \"rtb\", \"rtb\", 5]",
            &[
                "kinds[1]: \"rtp\" is unknown; did you mean \"rtb\"? expected one of audience, rtb, measurement",
                "kinds[3]: \"rtb\" is there twice; name each kind once",
                "kinds[4]: this is an integer",
            ],
        ),
        (
            &format!("kinds = [\"measurment\"]\n{image}"),
            &["kinds[1]: \"measurment\" is unknown; did you mean \"measurement\"?"],
        ),
        (&format!("kinds = [\"measurement\"]\n{all}"), &no_use.each_ref().map(|text| &**text)),
    ] {
        let found = mistakes(&partner(kinds));
        assert_eq!(found.len(), expect.len(), "{kinds}: {found:#?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found} does not say {expect}");
        }
    }
}

#[test]
fn the_example_says_what_the_defaults_are() {
    let text = include_str!("../../static/pixelgate.example.toml");
    let secret = |_: &str| Some("00".repeat(SECRET_BYTES_MIN));
    let config = Config::parse(text, &secret).expect("the example has no mistake");
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.rate_limits, Some(RateLimits::default()));
    let defaults = Config::parse(
        "data_dir = \"d\"\npublic.listen = \"[::]:80\"\nconsent.default_regime = \"us\"\n\
         cookie_keys = [{ id = 1, secret = { env = \"KEY\" } }]",
        &secret,
    );
    let defaults = defaults.expect("the smallest configuration");
    assert_eq!(config.policy.vendors_days_max, defaults.policy.vendors_days_max);
    assert_eq!((config.log, config.cookie), (defaults.log, defaults.cookie));
}
