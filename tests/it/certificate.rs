//! A server for `localhost` that proves who it is by a certificate made for one test.

use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use tokio_rustls::rustls;

pub(crate) fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

pub(crate) fn server_config(made: &CertifiedKey<KeyPair>) -> Arc<rustls::ServerConfig> {
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())
        .expect("a certificate and its key");
    Arc::new(config)
}
