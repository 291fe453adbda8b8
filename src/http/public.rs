//! The listener that browsers reach.

use std::sync::Arc;

use super::csrf::Forms;
use super::explain::{self, Explain};
use super::privacy::Lookups;
use super::request::Head;
use super::response::Answer;
use super::service::{Answering, Intake, Service};
use super::{opt_out, pages, pixel, privacy};
use crate::domain::opt_out::{Choice, OptOutView};
use crate::service::opt_out::OptOutService;
use crate::service::pixel::PixelService;

/// One per worker.
pub struct Public<V> {
    pub pixel: PixelService<V>,
    pub opt_out: OptOutService,
    pub forms: Arc<Forms>,
    pub lookups: Lookups,
    /// Only in development mode.
    pub explain: Option<Explain>,
}

/// Where a request leads.
enum Route {
    Pixel,
    Embed,
    OptOutPage,
    Choose(Choice),
    Privacy,
    Prefs,
    Download,
    Style,
    /// The path is known, the method is not.
    BadMethod(&'static str),
    Unknown,
}

impl Route {
    fn parse(method: &str, path: &str) -> Self {
        match (path, method) {
            (path, "GET" | "HEAD") if pixel::PATHS.contains(&path) => Self::Pixel,
            (path, _) if pixel::PATHS.contains(&path) => Self::BadMethod("GET, HEAD"),
            (pixel::EMBED_PATH, "GET") => Self::Embed,
            (pixel::EMBED_PATH, _) => Self::BadMethod("GET"),
            ("/optout", "GET" | "HEAD") => Self::OptOutPage,
            ("/optout", "POST") => Self::Choose(Choice::Out),
            ("/optout", _) => Self::BadMethod("GET, HEAD, POST"),
            ("/optin", "POST") => Self::Choose(Choice::In),
            ("/optin", _) => Self::BadMethod("POST"),
            ("/privacy", "GET" | "HEAD") => Self::Privacy,
            ("/privacy", "POST") => Self::Prefs,
            ("/privacy", _) => Self::BadMethod("GET, HEAD, POST"),
            ("/privacy/data.json", "GET") => Self::Download,
            ("/privacy/data.json", _) => Self::BadMethod("GET"),
            ("/pages.css", "GET" | "HEAD") => Self::Style,
            ("/pages.css", _) => Self::BadMethod("GET, HEAD"),
            _ => Self::Unknown,
        }
    }
}

impl<V: OptOutView + Send + Sync + 'static> Service for Public<V> {
    fn intake(&self, method: &str, path: &str) -> Intake {
        match Route::parse(method, path) {
            Route::Embed => Intake::Hot,
            Route::Pixel if method == "GET" => Intake::Hot,
            Route::Choose(_) | Route::Prefs => Intake::Body { bytes_max: FORM_BYTES_MAX },
            _ => Intake::Body { bytes_max: 0 },
        }
    }

    fn answer<'s>(&'s self, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
        Answering::Now(match Route::parse(head.method, head.path) {
            Route::Pixel => return pixel::answer(&self.pixel, head),
            Route::Embed => return pixel::embed(&self.pixel, head),
            Route::Choose(choice) => {
                return opt_out::choose(&self.pixel, &self.opt_out, &self.forms, head, body, choice);
            }
            Route::Privacy => return privacy::show(&self.pixel, &self.forms, &self.lookups, head),
            Route::Prefs => privacy::choose(&self.pixel, &self.forms, head, body),
            Route::Download => return privacy::download(&self.pixel, &self.lookups, head),
            Route::Style => pages::style(),
            Route::OptOutPage => opt_out::show(&self.pixel, &self.forms, head),
            Route::BadMethod(allowed) => {
                Answer::text(405, format!("this path takes {allowed}\n")).with("Allow", allowed)
            }
            Route::Unknown => match &self.explain {
                Some(explain) if head.path == explain::PATH => explain.answer(head),
                _ => Answer::text(404, "there is nothing at this path\n"),
            },
        })
    }

    fn overloaded(&self, _head: &Head<'_>) -> Answer {
        pixel::overloaded()
    }
}

/// A form of ours holds one token and a few short words.
const FORM_BYTES_MAX: usize = 4_096;
