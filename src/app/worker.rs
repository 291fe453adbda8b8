//! One thread with its own runtime and its own listener on the shared address.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::AppError;
use crate::http::server::{self, ServerOptions};
use crate::http::service::Service;

/// `count` listeners on one address; where the port is 0 they share the one that the first is given.
pub(super) fn bind(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, AppError> {
    let mut listeners = Vec::with_capacity(count);
    let mut bound = address;
    for _ in 0..count {
        let listener = server::bind(bound).map_err(|source| AppError::Listen { address, source })?;
        bound = listener.local_addr().map_err(|source| AppError::Listen { address, source })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

pub(super) fn address(listeners: &[TcpListener]) -> Result<SocketAddr, AppError> {
    let first = listeners.first().expect("at least one listener was bound");
    first.local_addr().map_err(AppError::Runtime)
}

/// Serves until told to stop, then drains. `beside` runs on the same thread as long.
pub(super) fn spawn<S: Service>(
    name: String,
    listener: TcpListener,
    service: Arc<S>,
    options: Arc<ServerOptions>,
    mut shutdown: watch::Receiver<bool>,
    beside: impl Future<Output = ()> + Send + 'static,
) -> Result<JoinHandle<()>, AppError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Runtime)?;
    let serve = move || {
        runtime.block_on(async {
            let beside = tokio::spawn(beside);
            if let Err(error) = server::serve(listener, service, options, async move {
                let _ = shutdown.wait_for(|stop| *stop).await;
            })
            .await
            {
                tracing::error!(%error, "a listener failed");
            }
            beside.abort();
        });
    };
    thread::Builder::new().name(name).spawn(serve).map_err(AppError::Runtime)
}
