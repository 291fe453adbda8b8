//! `pixelgate demo`: the server in development mode, with pages to try it on.

mod fetch;
mod hits;
mod live;
mod news;
mod pages;
mod places;
mod rows;
mod shop;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{CliError, Io};
use crate::app::{self, Running};
use crate::config::{Config, DevOptions, demo_data_dir};
use crate::http::limits::Limits;
use crate::http::server::{self, ServerOptions};
use live::Server;
use pages::Pages;
use places::Places;

/// Start a server with pages to try it on, and one page that shows what was stored and what was not, and why.
///
/// Takes the ports 8080, 8081 and 8090, or the next free ones. Opens nothing by itself; prints what to click.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate demo\n\nThen open http://demo.localhost:8090/ in a browser.")]
pub(super) struct Args {
    /// Keep the log here; without it, in a temporary directory that goes away at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let temporary = args.data_dir.is_none().then(demo_data_dir);
    let data_dir = args.data_dir.clone().or_else(|| temporary.clone()).unwrap_or_default();
    let options = DevOptions {
        listen: Some(next_free(8080)?),
        admin_listen: Some(next_free(8081)?),
        data_dir: Some(data_dir.clone()),
        ..DevOptions::default()
    };
    let listener = server::bind(next_free(8090)?).map_err(CliError::Pages)?;
    let mut site = Ok(None);
    let again = options.clone();
    let reread = Box::new(move || Ok(Config::dev(again.clone())));
    let served = app::run(Config::dev(options), reread, |running| {
        site = Site::start(listener, running, data_dir.display().to_string())
            .map_err(CliError::Pages)
            .and_then(|site| write_invitation(&site.places, temporary.is_some(), io).map(|()| Some(site)));
    });
    let stopped = site.map(|site| site.map(Site::stop));
    if let Some(directory) = temporary {
        // What is left in a temporary directory hurts nobody.
        let _ = std::fs::remove_dir_all(directory);
    }
    served?;
    stopped?;
    Ok(())
}

/// The demo's pages at work.
struct Site {
    places: Places,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Site {
    fn start(listener: TcpListener, running: &Running, data_dir: String) -> io::Result<Self> {
        let places = Places::new(listener.local_addr()?.port(), running.public.port(), data_dir);
        let server = Server { public: running.public, admin: running.admin };
        let pages = Arc::new(Pages { places: places.clone(), server });
        let limits = Limits { drain: Duration::from_secs(1), ..Limits::default() };
        let options = Arc::new(ServerOptions { limits, ..ServerOptions::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("pages".to_owned()).spawn(move || {
            let told = async { stopped.await.unwrap_or_default() };
            if let Err(error) = runtime.block_on(server::serve(listener, pages, options, told)) {
                tracing::error!(%error, "the demo's pages are not served");
            }
        })?;
        Ok(Self { places, stop, thread })
    }

    fn stop(self) {
        // Both fail only where the thread has ended already.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// The first port from `port` on that nobody listens on.
fn next_free(port: u16) -> Result<SocketAddr, CliError> {
    let candidates =
        (port..port.saturating_add(PORTS_TRIED)).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let free = candidates.into_iter().find(|address| TcpListener::bind(address).is_ok());
    free.ok_or_else(|| CliError::Negative(format!("no port from {port} on is free")))
}

const PORTS_TRIED: u16 = 50;

fn write_invitation(places: &Places, temporary: bool, io: &mut Io<'_>) -> Result<(), CliError> {
    let Places { shop, news, demo, px, data_dir } = places;
    let fate = if temporary { ", and goes away with the demo" } else { "" };
    writeln!(
        io.out,
        "\nOpen the first of these in a browser, then the others beside it:\n\n  \
         {demo}/  what was stored, what was not, and why; with buttons that send hits\n  \
         {shop}/  a shop: look at a cup, add it to the cart, buy it\n  \
         {news}/  a paper, with the pixel of another advertiser\n\n\
         The pixel is at {px}; {px}/optout is where a visitor opts out.\n\
         The log is in {data_dir}{fate}. Ctrl-C ends it."
    )?;
    Ok(io.out.flush()?)
}
