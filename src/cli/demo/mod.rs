//! `pixelgate demo`: the server in development mode, with pages to try it on.

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
use crate::domain::link::LandingPage;
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
    let port = listener.local_addr().map_err(CliError::Pages)?.port();
    let again = options.clone();
    let reread = Box::new(move || Ok(config(again.clone(), port)));
    let served = app::run(config(options, port), reread, |running| {
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

/// Development mode, with the ad's link to the shop at the port that the pages have got.
fn config(options: DevOptions, port: u16) -> Config {
    let mut config = Config::dev(options);
    for link in config.accounts.iter_mut().flat_map(|account| &mut account.links) {
        let landing_page = link.landing_page.to_string().replace(":8090/", &format!(":{port}/"));
        link.landing_page = LandingPage::parse(&landing_page).expect("another port leaves it a landing page");
    }
    config
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
         {news}/  a paper, with the pixel of another advertiser and an ad for the shop\n\n\
         The pixel is at {px}; {px}/optout is where a visitor opts out.\n\
         The log is in {data_dir}{fate}. Ctrl-C ends it."
    )?;
    Ok(io.out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Environment;
    use crate::cli::fetch::fetch;
    use crate::storage::reader;

    /// A server and the demo's pages beside it, all on free ports.
    struct Demo {
        running: Running,
        site: Site,
        pages: SocketAddr,
        data: tempfile::TempDir,
    }

    impl Demo {
        fn start() -> Self {
            let data = tempfile::tempdir().expect("a temporary directory");
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let config = Config::dev(DevOptions {
                listen: Some(any),
                admin_listen: Some(any),
                data_dir: Some(data.path().to_owned()),
                workers: Some(1),
                ..DevOptions::default()
            });
            let reread = Box::new(|| Err("nothing is reloaded here".to_owned()));
            let running = app::start(config, Environment::system(), reread).expect("the server starts");
            let listener = server::bind(any).expect("a free port");
            let pages = listener.local_addr().expect("the port");
            let site = Site::start(listener, &running, "d".to_owned()).expect("the pages start");
            Self { running, site, pages, data }
        }

        fn ask(&self, request: &str) -> (u16, String) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let answer = runtime.expect("a runtime").block_on(fetch(self.pages, request));
            let answer = answer.expect("an answer");
            (answer.status, String::from_utf8(answer.body).expect("text"))
        }

        fn press(&self, hit: &str) -> u16 {
            let body = format!("hit={hit}");
            let length = body.len();
            let head = "POST /send HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close";
            self.ask(&format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")).0
        }

        fn rows(&self) -> String {
            self.ask("GET /rows HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n").1
        }

        fn stored(&self) -> usize {
            let rows = reader::read(self.data.path(), reader::From::Start).expect("a log");
            rows.inspect(|row| assert!(row.is_ok(), "a whole row")).count()
        }

        fn stop(self) {
            self.site.stop();
            self.running.stop().expect("the server stops cleanly");
        }
    }

    /// The button `hit` leaves `stored` rows in the log, and the page says `expect`.
    #[track_caller]
    fn check(hit: &str, stored: usize, expect: &str) {
        let demo = Demo::start();
        assert!(demo.rows().contains("Nothing yet"));
        assert_eq!(demo.press(hit), 303);
        let rows = demo.rows();
        assert!(rows.contains(expect), "{hit}: {rows}");
        assert_eq!(demo.stored(), stored, "{hit}: {rows}");
        demo.stop();
    }

    #[test]
    fn every_button_does_what_it_says() {
        check("visit", 1, "Site visit at pixel o8z6j");
        check("purchase", 1, "Purchase, 59.00 EUR at pixel o8z6j");
        check("email", 1, "Purchase, 35.00 EUR at pixel o8z6j");
        check("gpc", 0, "Global Privacy Control is on.");
        check("dnt", 0, "Do Not Track is on.");
        check("gdpr", 0, "GDPR applies and there is no consent string.");
        check("child", 0, "The request is flagged as concerning a child.");
        check("prefetch", 0, "nobody has seen the page.");
        check("opted-out", 0, "The browser carries our opt-out cookie.");
        check("crawler", 0, "The user agent is a known crawler.");
        check("unknown", 0, "The pixel has no event tag for this event.");
    }

    #[test]
    fn an_order_that_comes_twice_is_stored_once() {
        let demo = Demo::start();
        for _ in 0..2 {
            assert_eq!(demo.press("order"), 303);
        }
        let rows = demo.rows();
        assert!(rows.contains("<b>1</b> stored <b>1</b> duplicates <b>0</b> not stored"), "{rows}");
        assert_eq!(demo.stored(), 1);
        demo.stop();
    }

    #[test]
    fn a_clear_e_mail_address_never_reaches_the_page() {
        let demo = Demo::start();
        demo.press("email");
        let rows = demo.rows();
        assert!(rows.contains("The stored row") && !rows.contains("jane"), "{rows}");
        demo.stop();
    }

    #[test]
    fn the_ad_leads_to_the_shop_at_whatever_port_it_is() {
        let config = config(DevOptions::default(), 8_095);
        let link = &config.accounts[0].links[0];
        assert_eq!(link.landing_page.to_string(), "http://shop.localhost:8095/landing?utm_source=ad");
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("the port").port();
        let next = next_free(port).expect("a free port");
        assert!(next.port() > port);
    }
}
