//! Requests of ours to servers of other companies, at addresses that these had a hand in.
//!
//! No connection is opened to an address that could be inside a network of ours, whatever a name resolves to: what is
//! checked is the address that is then connected to. No redirect is followed, no cookie is kept, no proxy is asked.

mod networks;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, LOCATION, USER_AGENT};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, rustls};

pub use networks::Networks;

/// Asks other companies' servers.
pub struct Outbound {
    networks: Networks,
    resolver: Arc<dyn Resolve>,
    /// For the whole of an exchange.
    patience: Duration,
}

/// How names become addresses.
pub trait Resolve: Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// The machine's own resolver, which takes `127.1` and `0x7f.1` for addresses, too. Names under `localhost` are this
/// machine, as for browsers (RFC 6761, section 6.3), whether or not the resolver knows it.
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        let is_here = host == "localhost" || host.ends_with(".localhost");
        let host = if is_here { "localhost" } else { host };
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// A file to be read as it comes.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub address: &'a str,
    pub authorization: Option<&'a SecretString>,
    pub bytes_max: u64,
}

/// What a server answered, but for the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Of a redirect, as it stands there.
    pub location: Option<String>,
}

/// Why there is no answer. Repeats nothing of the address: it may hold what only the partner may know.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("this is no address with http:// or https://, a host, and no user name in it")]
    Address,
    #[error("http:// is for networks that [outbound] allow_networks names; this needs https://")]
    Plain,
    #[error("the host has no address")]
    Unresolved(#[source] io::Error),
    #[error(
        "the host has no address outside our own networks; [outbound] allow_networks may name its network"
    )]
    Inside,
    #[error("no connection to the host came about")]
    Unconnected(#[source] io::Error),
    #[error("no certificate authority of this machine could be read")]
    NoAuthorities,
    #[error("the host could not prove that it is who it should be")]
    Tls(#[source] io::Error),
    #[error("the exchange broke off")]
    Broken(#[source] hyper::Error),
    #[error("it has more than {} MiB", .0 >> 20)]
    TooLarge(u64),
    #[error("it took longer than {} s", .0.as_secs_f64())]
    TooSlow(Duration),
}

impl Outbound {
    pub fn new(networks: Networks, resolver: Arc<dyn Resolve>, patience: Duration) -> Self {
        Self { networks, resolver, patience }
    }

    /// `GET address`. The body is not read.
    pub async fn get(&self, address: &str) -> Result<Answer, OutboundError> {
        let wanted = Wanted { address, authorization: None, bytes_max: 0 };
        self.exchange(&wanted, async |_| Ok(())).await
    }

    /// `GET`, and gives `take` the body of a 200 piece by piece, until it says `Break`.
    pub async fn download(
        &self,
        wanted: &Wanted<'_>,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<Answer, OutboundError> {
        self.exchange(wanted, async |response: Response<Incoming>| {
            let (mut body, mut bytes) = (response.into_body(), 0);
            while let Some(frame) = body.frame().await {
                let Ok(piece) = frame.map_err(OutboundError::Broken)?.into_data() else { continue };
                bytes += piece.len() as u64;
                if bytes > wanted.bytes_max {
                    return Err(OutboundError::TooLarge(wanted.bytes_max));
                }
                if take(&piece).is_break() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    async fn exchange(
        &self,
        wanted: &Wanted<'_>,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<(), OutboundError>,
    ) -> Result<Answer, OutboundError> {
        let target = Target::parse(wanted.address)?;
        let exchange = async {
            let stream = self.connect(&target).await?;
            let request = target.request(wanted.authorization)?;
            match target.is_secure {
                true => send(shake_hands(stream, &target.host).await?, request, read).await,
                false => send(stream, request, read).await,
            }
        };
        timeout(self.patience, exchange).await.unwrap_or(Err(OutboundError::TooSlow(self.patience)))
    }

    /// To the first address that may be reached and answers. What is checked is what is connected to: nobody asks the
    /// resolver a second time.
    async fn connect(&self, target: &Target) -> Result<TcpStream, OutboundError> {
        let resolved = self.resolver.resolve(&target.host, target.port).await;
        let mut addresses = resolved.map_err(OutboundError::Unresolved)?;
        addresses.retain(|address| self.networks.may_reach(address.ip()));
        if addresses.is_empty() {
            return Err(OutboundError::Inside);
        }
        if !target.is_secure {
            addresses.retain(|address| self.networks.is_allowed_by_name(address.ip()));
            if addresses.is_empty() {
                return Err(OutboundError::Plain);
            }
        }
        TcpStream::connect(&*addresses).await.map_err(OutboundError::Unconnected)
    }
}

/// Where a request goes.
struct Target {
    uri: Uri,
    is_secure: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl Target {
    fn parse(address: &str) -> Result<Self, OutboundError> {
        let uri: Uri = address.parse().map_err(|_| OutboundError::Address)?;
        let authority = uri.authority().ok_or(OutboundError::Address)?;
        let is_secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(OutboundError::Address),
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(OutboundError::Address);
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if is_secure => 443,
            None => 80,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { is_secure, host, port, uri })
    }

    fn request(&self, authorization: Option<&SecretString>) -> Result<Request<Empty<Bytes>>, OutboundError> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::get(path).header(HOST, authority).header(CONNECTION, "close");
        let mut request = request.header(USER_AGENT, concat!("pixelgate/", env!("CARGO_PKG_VERSION")));
        if let Some(text) = authorization {
            let mut value =
                HeaderValue::from_str(text.expose_secret()).map_err(|_| OutboundError::Address)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(request.body(Empty::new()).expect("each part was one of an address before"))
    }
}

/// Whoever gives up waiting ends the connection, too.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn shake_hands(
    stream: TcpStream,
    host: &str,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static, OutboundError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| OutboundError::Address)?;
    let connector = TlsConnector::from(Arc::new(client_config()?));
    connector.connect(name, stream).await.map_err(OutboundError::Tls)
}

/// TLS 1.2 and 1.3, trusting the machine's certificate authorities (`SSL_CERT_FILE` names others). Read for every
/// connection: there are few, and they may have changed.
fn client_config() -> Result<ClientConfig, OutboundError> {
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if authorities.is_empty() {
        return Err(OutboundError::NoAuthorities);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3");
    Ok(config.with_root_certificates(authorities).with_no_client_auth())
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<(), OutboundError>,
) -> Result<Answer, OutboundError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(OutboundError::Broken)?;
    // Ends with what is read of the response.
    let connection = AbortOnDrop(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(OutboundError::Broken)?;
    let answer = Answer::of(&response);
    if answer.status == 200 {
        read(response).await?;
    }
    drop(connection);
    Ok(answer)
}

impl Answer {
    fn of(response: &Response<Incoming>) -> Self {
        let location = response.headers().get(LOCATION);
        let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self { status: response.status().as_u16(), location }
    }
}
