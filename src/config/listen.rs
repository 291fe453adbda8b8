//! Where the server listens, and which proxies it believes.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::SecretString;

use super::keys::{is_development, length};
use super::walk::{Field, Section};

/// An address to listen on.
#[derive(Debug, Clone)]
pub struct Listener {
    pub listen: SocketAddr,
    /// `None`: in the clear.
    pub tls: Option<Tls>,
}

/// PEM files. Read when the server starts and again on every reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, then those that lead to its root.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Who may speak for a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Networks whose word on the client's address and country counts.
    pub trusted: Vec<IpNet>,
    /// The header in which they name the client's country (ISO 3166-1 alpha-2).
    pub country_header: Option<String>,
}

pub(super) fn public(root: &Section<'_>) -> Option<(Listener, Option<usize>)> {
    let section = root.section("public");
    let listen = section.require("listen", "for example listen = \"0.0.0.0:443\"").and_then(address);
    let tls = section.get("tls").and_then(tls);
    let workers = section.get("workers").and_then(|field| field.integer(1..=WORKERS_MAX));
    section.finish();
    Some((Listener { listen: listen?, tls }, workers.map(|count| count as usize)))
}

/// The admin listener and the token that it asks for.
pub(super) fn admin(root: &Section<'_>, allow_development: bool) -> Option<(Listener, Option<SecretString>)> {
    let section = root.section("admin");
    let field = section.get("listen");
    let listen = match &field {
        Some(field) => address(field.clone()),
        None => Some(SocketAddr::from(([127, 0, 0, 1], 8081))),
    };
    let tls_field = section.get("tls");
    let token_field = section.get("token");
    let open = listen.is_some_and(|listen| !listen.ip().is_loopback());
    if let (Some(field), true) = (&field, open && (tls_field.is_none() || token_field.is_none())) {
        field.refuse(
            "the admin listener would be open to other machines",
            "expected a loopback address, or both admin.tls and admin.token",
        );
    }
    let token = token_field.as_ref().and_then(|field| admin_token(field, allow_development));
    let tls = tls_field.and_then(tls);
    section.finish();
    Some((Listener { listen: listen?, tls }, token))
}

/// Networks of our own that requests of ours to other companies may lead into.
pub(super) fn outbound(root: &Section<'_>) -> Vec<IpNet> {
    let section = root.section("outbound");
    let allowed = networks(&section, "allow_networks");
    section.finish();
    allowed
}

fn networks(section: &Section<'_>, key: &'static str) -> Vec<IpNet> {
    let fields = section.get(key).map(Field::list).unwrap_or_default();
    let expected = "a network such as \"10.0.0.0/8\"";
    fields.iter().filter_map(|field| field.parsed(expected, |text| text.parse().ok())).collect()
}

pub(super) fn proxies(root: &Section<'_>) -> Proxies {
    let section = root.section("proxies");
    let trusted = networks(&section, "trusted");
    let header = section.get("country_header");
    if let (Some(field), true) = (&header, trusted.is_empty()) {
        field.refuse(
            "no proxy is trusted, so nobody could send it",
            "expected proxies.trusted to be set, too",
        );
    }
    let country_header = header.and_then(|field| {
        field.parsed("the name of a header", |text| is_token(text).then(|| text.to_owned()))
    });
    section.finish();
    Proxies { trusted, country_header }
}

fn address(field: Field<'_>) -> Option<SocketAddr> {
    field.parsed("an address and port such as \"127.0.0.1:8080\" or \"[::]:443\"", |text| text.parse().ok())
}

fn tls(field: Field<'_>) -> Option<Tls> {
    let section = field.section()?;
    let file = |key, fix| section.require(key, fix).and_then(|field| field.text()).map(PathBuf::from);
    let certificate = file("certificate", "name the PEM file with the certificate chain");
    let key = file("key", "name the PEM file with the private key");
    section.finish();
    Some(Tls { certificate: certificate?, key: key? })
}

fn admin_token(field: &Field<'_>, allow_development: bool) -> Option<SecretString> {
    let token = field.secret()?;
    if is_development(&token) && !allow_development {
        field.refuse("this is the development token, which everybody knows", "choose a random one");
    } else if length(&token) < ADMIN_TOKEN_BYTES_MIN {
        field.refuse(
            "too short to be a secret",
            format!("expected at least {ADMIN_TOKEN_BYTES_MIN} characters"),
        );
    }
    Some(token)
}

/// RFC 9110, section 5.6.2: what a header or a cookie may be called.
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

const WORKERS_MAX: u64 = 1_024;
/// `dev-admin-token` has 15.
const ADMIN_TOKEN_BYTES_MIN: usize = 15;
