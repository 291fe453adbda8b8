//! What our own pages have in common: their frame, look, languages and headers.
//!
//! They work without script, and load nothing of anybody else's. Those for visitors run none, and load one style sheet.

mod english;
mod french;
mod german;
pub mod language;
mod spanish;
pub mod texts;

use std::borrow::Cow;

use askama::Template;

use self::language::Language;
use self::texts::Texts;
use super::request::Head;
use super::response::{Answer, FixedHeaders};

/// What every page's template has around its content.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Of this page.
    pub path: &'static str,
    pub language: Language,
}

impl Frame {
    pub fn new(path: &'static str, head: &Head<'_>) -> Self {
        Self { path, language: Language::of(head) }
    }

    pub(super) const fn languages(self) -> [Language; 4] {
        Language::ALL
    }

    pub const fn texts(self) -> &'static Texts {
        self.language.texts()
    }

    /// The address of the style sheet; a new version of the program has a new one.
    pub(super) const fn style(self) -> &'static str {
        concat!("/pages.css?v=", env!("CARGO_PKG_VERSION"))
    }
}

/// What a page may load besides a style sheet of ours. Never anything of anybody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Nothing,
    /// A script of ours, which may ask us for more.
    WithOwnScript,
    /// The same on a page that has forms.
    WithOwnScriptAndForms,
}

/// A page for visitors: it runs no script, and depends on who asks.
pub fn page(page: &impl Template) -> Answer {
    page_under(page, Policy::Nothing).with("Vary", "Accept-Language, Cookie")
}

/// `page` as nobody may keep, frame or add to it.
pub fn page_under(page: &impl Template, policy: Policy) -> Answer {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return Answer::text(500, format!("the page could not be made: {error}\n")),
    };
    file("text/html; charset=utf-8", html.into_bytes())
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "same-origin")
        .with("Cross-Origin-Opener-Policy", "same-origin")
        .with("Content-Security-Policy", policy.text())
}

/// The style sheet of all pages.
pub fn style() -> Answer {
    asset("text/css; charset=utf-8", LOOK)
}

/// Brings a page up to date in place, by asking for it again.
pub fn live_script() -> Answer {
    asset("text/javascript; charset=utf-8", include_str!("../../../static/pages/live.js"))
}

/// Something that pages load by an address that is another one in another version of the program.
pub fn asset(content_type: &'static str, text: &'static str) -> Answer {
    file(content_type, text.as_bytes()).with("Cache-Control", "public, max-age=86400")
}

/// Back to one of our own pages after a form, with these parameters; their values need no encoding.
pub fn see_other(path: &str, parameters: &[(&str, Option<&str>)]) -> Answer {
    let pairs = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let place = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    Answer::text(303, "").with("Location", place)
}

/// The first field called `name` of a posted form.
pub fn field<'b>(body: &'b [u8], name: &str) -> Option<Cow<'b, str>> {
    form_urlencoded::parse(body).find_map(|(known, value)| (known == name).then_some(value))
}

fn file(content_type: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Answer {
    let headers = vec![("Content-Type", content_type.into())];
    Answer { status: 200, fixed: FixedHeaders::NONE, headers, body: body.into() }
        .with("X-Content-Type-Options", "nosniff")
        .with("Cross-Origin-Resource-Policy", "same-origin")
}

const LOOK: &str =
    concat!(include_str!("../../../static/pages/base.css"), include_str!("../../../static/pages/pages.css"),);

impl Policy {
    const fn text(self) -> &'static str {
        match self {
            Self::Nothing => {
                "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            }
            Self::WithOwnScript => {
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; \
                 frame-ancestors 'none'; base-uri 'none'"
            }
            Self::WithOwnScriptAndForms => {
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'"
            }
        }
    }
}
