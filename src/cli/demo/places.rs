//! Where the demo's pages are.

/// Addresses as a browser on this machine reaches them; none ends in a slash.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) shop: String,
    pub(super) news: String,
    pub(super) demo: String,
    /// The pixel.
    pub(super) px: String,
    pub(super) data_dir: String,
}

impl Places {
    /// Names under `.localhost` are this machine, and as foreign to each other as any two sites.
    pub(super) fn new(pages_port: u16, pixel_port: u16, data_dir: String) -> Self {
        let page = |name| format!("http://{name}.localhost:{pages_port}");
        Self {
            shop: page("shop"),
            news: page("news"),
            demo: page("demo"),
            px: format!("http://px.localhost:{pixel_port}"),
            data_dir,
        }
    }
}
