//! What a configuration may say, and how every kind of mistake in one is told.

use secrecy::ExposeSecret;

use super::*;

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
retain_days = 90
queue_entries = 4096
ack = { page_view = "memory", conversion = "disk", opt_out = "disk" }

[consent]
default_regime = "gdpr"

[cookie]
name = "pg"
max_age_days = 400

[[cookie_keys]]
id = "k2"
secret = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

[[cookie_keys]]
id = "k1"
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
    assert_eq!(config.log.ack, AckClasses { page_view: Ack::Memory, conversion: Ack::Disk });
    assert_eq!(config.log.retain_days, Some(90));
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
        cookie_keys = [{ id = "k", secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" }]
    "#;
    let config = Config::parse(text, &environment).expect("a small configuration");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert!(config.admin_token.is_none() && config.public.tls.is_none() && config.workers.is_none());
    assert_eq!(config.cookie, Cookie { name: "__Host-Http-pg".to_owned(), max_age_days: 90 });
    assert_eq!(config.log.ack, AckClasses { page_view: Ack::Os, conversion: Ack::Disk });
    assert_eq!(config.log.file_bytes, 64 << 20);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.rate_limits, Some(RateLimits::default()));
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one() {
    check("file_bytes", "file_byte", "21:1: log.file_byte: unknown key; did you mean \"file_bytes\"?");
    check("[geo]", "[goe]", "17:2: goe: unknown key; did you mean \"geo\"?");
    check("max_age_days", "age", "31:1: cookie.age: unknown key; did you mean \"max_age_days\"?");
    check("database", "wombat", "18:1: geo.wombat: unknown key; expected one of database");
    check("page_view = ", "pageview = ", "24:9: log.ack.pageview: unknown key; did you mean \"page_view\"?");
}
