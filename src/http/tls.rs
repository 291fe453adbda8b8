//! TLS: keys and certificates in, a finished handshake out.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, rustls};

use super::connection;
use super::h2;
use super::server_metrics::Phase;
use super::service::Service;
use super::shared::Shared;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate file is no PEM")]
    Certificate(#[source] pem::Error),
    #[error("the certificate file has no certificate in it")]
    NoCertificate,
    #[error("the key file has no private key in PEM in it")]
    Key(#[source] pem::Error),
    #[error("certificate and key cannot be used together")]
    Unusable(#[source] rustls::Error),
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, with this certificate (the chain, the server's own first) and its key.
pub fn load(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain_pem).collect::<Result<_, _>>().map_err(TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::Key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![H2.into(), b"http/1.1".into()];
    // Sealed tickets instead of a table of sessions: no memory for clients that never come back.
    config.ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(Arc::new(config))
}

/// Shakes hands in time, then serves the protocol that both sides agreed on.
pub(super) async fn serve<S: Service>(
    socket: TcpStream,
    peer: IpAddr,
    config: Arc<ServerConfig>,
    shared: Arc<Shared<S>>,
) {
    let handshake = timeout(shared.limits().tls_handshake, TlsAcceptor::from(config).accept(socket));
    let stream = match Box::pin(handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) => {
            shared.metrics().tls_failed.inc();
            return;
        }
        Err(_) => {
            shared.metrics().deadlines(Phase::TlsHandshake).inc();
            return;
        }
    };
    if stream.get_ref().1.alpn_protocol() == Some(H2) {
        Box::pin(h2::serve(stream, peer, shared)).await;
    } else {
        connection::serve(stream, peer, shared).await;
    }
}

const H2: &[u8] = b"h2";
