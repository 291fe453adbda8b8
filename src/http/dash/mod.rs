//! `/dash` on the operators' listener: the numbers of `/metrics` for people, as a page that keeps itself up to date.
//!
//! Works without script. Nothing of it counts, and nothing of it is on the public listener.

mod facts;
mod view;

use super::admin::bad_method;
use super::pages::{self, Policy};
use super::request::Head;
use super::response::Answer;
use crate::service::operation::Operation;
use view::Page;

/// The page, and what it loads; `None` for other paths.
pub(super) fn answer(operation: &Operation, head: &Head<'_>) -> Option<Answer> {
    let is_read = matches!(head.method, "GET" | "HEAD");
    Some(match head.path {
        PATH | STYLE | SCRIPT if !is_read => bad_method("GET, HEAD"),
        PATH => {
            let page = Page::new(operation.dashboard(), head.query == STILL);
            pages::page_under(&page, Policy::WithOwnScript)
        }
        STYLE => pages::asset("text/css; charset=utf-8", LOOK),
        SCRIPT => pages::live_script(),
        _ => return None,
    })
}

const PATH: &str = "/dash";
const STYLE: &str = "/dash.css";
const SCRIPT: &str = "/dash.js";
/// The query of a page that does not bring itself up to date.
const STILL: &str = "still";

const LOOK: &str =
    concat!(include_str!("../../../static/pages/base.css"), include_str!("../../../static/dash/dash.css"),);
