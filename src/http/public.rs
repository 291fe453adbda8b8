//! The listener that browsers reach.

use std::sync::Arc;

use super::csrf::Forms;
use super::request::Head;
use super::response::Answer;
use super::service::{Answering, Intake, Service};
use super::well_known::Document;
use super::{opt_out, pixel};
use crate::domain::opt_out::{Choice, OptOutView};
use crate::service::opt_out::OptOutService;
use crate::service::pixel::PixelService;

/// One per worker.
pub struct Public<V> {
    pub pixel: PixelService<V>,
    pub opt_out: OptOutService,
    pub forms: Arc<Forms>,
}

/// Where a request leads.
enum Route {
    Pixel,
    OptOutPage,
    Choose(Choice),
    Document(Document),
    /// The path is known, the method is not.
    BadMethod(&'static str),
    Unknown,
}

impl Route {
    fn parse(method: &str, path: &str) -> Self {
        match (path, method) {
            (path, "GET" | "HEAD") if pixel::PATHS.contains(&path) => Self::Pixel,
            (path, _) if pixel::PATHS.contains(&path) => Self::BadMethod("GET, HEAD"),
            ("/optout", "GET" | "HEAD") => Self::OptOutPage,
            ("/optout", "POST") => Self::Choose(Choice::Out),
            ("/optout", _) => Self::BadMethod("GET, HEAD, POST"),
            ("/optin", "POST") => Self::Choose(Choice::In),
            ("/optin", _) => Self::BadMethod("POST"),
            (path, method) => match Document::from_path(path) {
                Some(document) if matches!(method, "GET" | "HEAD") => Self::Document(document),
                Some(_) => Self::BadMethod("GET, HEAD"),
                None => Self::Unknown,
            },
        }
    }
}

impl<V: OptOutView + Send + Sync + 'static> Service for Public<V> {
    fn intake(&self, method: &str, path: &str) -> Intake {
        match Route::parse(method, path) {
            Route::Pixel if method == "GET" => Intake::Hot,
            Route::Choose(_) => Intake::Body { bytes_max: FORM_BYTES_MAX },
            _ => Intake::Body { bytes_max: 0 },
        }
    }

    fn answer<'s>(&'s self, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
        Answering::Now(match Route::parse(head.method, head.path) {
            Route::Pixel => return pixel::answer(&self.pixel, head),
            Route::Choose(choice) => {
                return opt_out::choose(&self.pixel, &self.opt_out, &self.forms, head, body, choice);
            }
            Route::OptOutPage => opt_out::show(&self.pixel, &self.forms, head),
            Route::Document(document) => {
                let (live, now) = (self.pixel.live.load(), self.pixel.clock.now());
                document.answer(head, &live, &*self.pixel.opt_outs, now)
            }
            Route::BadMethod(allowed) => {
                Answer::text(405, format!("this path takes {allowed}\n")).with("Allow", allowed)
            }
            Route::Unknown => Answer::text(404, "there is nothing at this path\n"),
        })
    }

    fn overloaded(&self, _head: &Head<'_>) -> Answer {
        pixel::overloaded()
    }
}

/// A form of ours holds one token.
const FORM_BYTES_MAX: usize = 4_096;
