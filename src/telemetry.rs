//! What the server says about itself: JSON lines on standard error, without identifiers of people.
//!
//! Identifier types have no `Display` and a redacting `Debug`, so that no field can carry one by accident; and
//! nothing is logged for each request, only counted.

use tracing::Level;

/// Starts logging. Later calls do nothing, so that tests may run several servers in one process.
pub fn init() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_max_level(Level::INFO)
        .with_writer(std::io::stderr)
        .finish();
    // An error says that there is a subscriber already.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            // The place only: a panic's message may hold what was being worked on.
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(panic.place = %place, "a panic was caught or ends the server");
        }));
    }
}
