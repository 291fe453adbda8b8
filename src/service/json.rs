//! What is asked of JSON before it is read.

/// Whether no bracket is nested more than 16 deep. Brackets in texts count too: they only make it
/// stricter.
pub fn is_shallow(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().all(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth <= JSON_DEPTH_MAX
    })
}

const JSON_DEPTH_MAX: usize = 16;
