//! The documents that a running server keeps, as an operator finds them in the data directory.

use std::path::Path;

/// `None` where there is none.
#[expect(clippy::disallowed_methods, reason = "the test looks at the file itself")]
pub(crate) fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[expect(clippy::disallowed_methods, reason = "the test changes the file by hand")]
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the file can be written");
}
