//! TLS clients and certificates for the tests.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::net::TcpStream;
use std::sync::Arc;

use arc_swap::ArcSwap;
use pixelgate::http::limits::Limits;
use pixelgate::http::server::ServerOptions;
use pixelgate::http::tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, SupportedProtocolVersion,
};
use tokio_rustls::rustls;

use super::harness::{Client, Edge};

pub(super) type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

/// A certificate for `localhost`, made anew each time.
pub(super) struct Identity {
    pub(super) chain_pem: String,
    pub(super) key_pem: String,
}

impl Identity {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { chain_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() }
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        tls::load(self.chain_pem.as_bytes(), self.key_pem.as_bytes()).unwrap()
    }

    /// A client that trusts this certificate only.
    pub(super) fn client(&self, version: &'static SupportedProtocolVersion, alpn: &[&[u8]]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.chain_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }

    /// A server with this certificate, which can be swapped for another.
    pub(super) fn edge(&self, limits: Limits) -> (Edge, Arc<ArcSwap<ServerConfig>>) {
        let current = Arc::new(ArcSwap::from(self.server()));
        let tls = Some(Arc::clone(&current));
        (Edge::start(ServerOptions { limits, tls, ..ServerOptions::default() }), current)
    }

    /// Shakes hands, and speaks `protocol` or whatever else.
    pub(super) fn connect(&self, edge: &Edge, protocol: &[u8]) -> TlsClient {
        self.try_connect(edge, &rustls::version::TLS13, &[protocol]).unwrap()
    }

    pub(super) fn try_connect(
        &self,
        edge: &Edge,
        version: &'static SupportedProtocolVersion,
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsClient> {
        let config = Arc::new(self.client(version, alpn));
        let mut connection = ClientConnection::new(config, server_name()).unwrap();
        let mut socket = edge.connect().io;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Client::over(StreamOwned::new(connection, socket)))
    }
}

pub(super) fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}
