//! Do it: one use case a file, without a word of HTTP.
