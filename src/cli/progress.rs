//! Shows on a terminal that something is going on; anywhere else it shows nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// On standard error, so that it never gets into the answer. Gone when it is dropped.
pub(super) fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} {msg} ({elapsed})");
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.set_style(style.expect("the template is valid"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
