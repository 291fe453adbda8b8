//! Accepts connections, bounded, and lets go of them in an orderly way.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::rustls;

use super::census::{Census, Place};
use super::connection;
use super::limits::Limits;
use super::proxy::TrustedProxies;
use super::rate_limit::RateLimits;
use super::server_metrics::ServerMetrics;
use super::service::Service;
use super::shared::Shared;
use super::tls;

/// What listeners have in common. Several workers share one, so that the caps hold for all of them together.
#[derive(Default)]
pub struct ServerOptions {
    pub limits: Limits,
    /// Serves TLS with whatever is in there when a connection comes; plain HTTP/1.1 without.
    pub tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
    pub proxies: TrustedProxies,
    pub rate_limits: Option<Arc<RateLimits>>,
    pub metrics: Arc<ServerMetrics>,
    pub census: Arc<Census>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy when the time was up.
    pub cut_off: usize,
}

/// A listener of its own for each worker on the same address: the kernel spreads the connections.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it on Linux.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves one listener on the current runtime until `shutdown` resolves, then drains for at most `limits.drain`.
/// Fails only if the runtime cannot take the listener.
pub async fn serve<S: Service>(
    listener: StdListener,
    service: Arc<S>,
    options: Arc<ServerOptions>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Drained> {
    let listener = TcpListener::from_std(listener)?;
    let shared = Arc::new(Shared::new(service, options));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => count_panic(&shared, ended),
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => spawn(&mut connections, socket, peer, &shared),
                Err(error) => after_failed_accept(&shared, &error).await,
            },
        }
    }
    drop(listener);
    shared.start_drain();
    Ok(drain(connections, &shared).await)
}

fn spawn<S: Service>(
    connections: &mut JoinSet<()>,
    socket: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared<S>>,
) {
    let options = &shared.options;
    let peer = peer.ip().to_canonical();
    let counted = Some(peer).filter(|&peer| !options.proxies.trusts(peer));
    let place = match options.census.admit(counted, &options.limits) {
        Ok(place) => place,
        Err(too_many) => {
            options.metrics.refused(too_many.label()).inc();
            return;
        }
    };
    options.metrics.connections_accepted.inc();
    options.metrics.connections_open.inc();
    let open = Open { shared: Arc::clone(shared), _place: place };
    let shared = Arc::clone(shared);
    // Two tasks to choose from, so that a plain connection's is not as large as one with TLS.
    match &options.tls {
        None => connections.spawn(async move {
            let _open = open;
            connection::serve(socket, peer, shared).await;
        }),
        Some(tls) => {
            let config = tls.load_full();
            connections.spawn(async move {
                let _open = open;
                tls::serve(socket, peer, config, shared).await;
            })
        }
    };
}

/// Counts a connection until it is dropped.
struct Open<S: Service> {
    shared: Arc<Shared<S>>,
    _place: Place,
}

impl<S: Service> Drop for Open<S> {
    fn drop(&mut self) {
        self.shared.metrics().connections_open.dec();
    }
}

/// Waits a little where trying again at once would fail again, such as without file descriptors.
async fn after_failed_accept<S: Service>(shared: &Shared<S>, error: &io::Error) {
    shared.metrics().accept_failed.inc();
    let of_the_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    );
    if !of_the_client {
        tracing::warn!(error = %error, "no connection can be accepted");
        sleep(ACCEPT_AGAIN_AFTER).await;
    }
}

async fn drain<S: Service>(mut connections: JoinSet<()>, shared: &Shared<S>) -> Drained {
    let end = Instant::now() + shared.limits().drain;
    while let Ok(Some(ended)) = timeout_at(end, connections.join_next()).await {
        count_panic(shared, ended);
    }
    let cut_off = connections.len();
    connections.shutdown().await;
    Drained { cut_off }
}

/// A panic outside the service's answer ends its connection only.
fn count_panic<S: Service>(shared: &Shared<S>, ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        shared.metrics().panics.inc();
    }
}

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
