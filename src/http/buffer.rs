//! Buffers that are lent out only while there is something in them.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// What was read from a connection and not used yet. Its memory is its thread's, and goes back there as soon as all of
/// it was used: neither an idle connection nor one that waits for its answer holds any, and what is read next goes to
/// memory that the processor still has at hand.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// All of it is initialised; only `start..end` means something. Empty while nothing is unread.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end, "only what was read can be used");
        if self.start == self.end {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        (self.start, self.end) = (0, 0);
        let bytes = std::mem::take(&mut self.bytes);
        // The pool is gone when a thread ends; then so is the memory.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if !bytes.is_empty() && pool.len() < POOLED_MAX {
                pool.push(bytes);
            }
        });
    }

    /// Reads more, 0 bytes at the end. Grows to `bytes_max` at most; must not be called when that much is unread.
    pub(super) fn poll_fill<IO: AsyncRead + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        bytes_max: usize,
    ) -> Poll<io::Result<usize>> {
        if self.end == self.bytes.len() {
            self.make_room(bytes_max);
        }
        let mut free = ReadBuf::new(&mut self.bytes[self.end..]);
        let polled = Pin::new(io).poll_read(cx, &mut free);
        let read = free.filled().len();
        self.end += read;
        if self.is_empty() {
            self.give_back();
        }
        polled.map_ok(|()| read)
    }

    fn make_room(&mut self, bytes_max: usize) {
        if self.bytes.is_empty() {
            let pooled = POOL.with_borrow_mut(Vec::pop);
            self.bytes = pooled.unwrap_or_else(|| vec![0; BUFFER_BYTES]);
        } else if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else {
            let doubled = (self.bytes.len() * 2).min(bytes_max.max(self.bytes.len() + 1));
            self.bytes.resize(doubled, 0);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.give_back();
    }
}

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Room for nearly every head.
const BUFFER_BYTES: usize = 4 * 1024;
/// A thread keeps this many, 1 MiB in all if each had to grow to the largest head.
const POOLED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn fill(buffer: &mut Buffer, mut from: &[u8], bytes_max: usize) -> usize {
        let mut read = 0;
        while read < bytes_max {
            match buffer.poll_fill(&mut from, &mut Context::from_waker(Waker::noop()), bytes_max) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(more)) => read += more,
                other => panic!("a slice is always ready: {other:?}"),
            }
        }
        read
    }

    #[test]
    fn a_buffer_grows_to_the_limit_and_keeps_what_is_unread() {
        let bytes: Vec<u8> = (0..16_384_u32).map(|n| n as u8).collect();
        let mut buffer = Buffer::default();
        assert_eq!(fill(&mut buffer, &bytes, 16_384), 16_384);
        assert_eq!(buffer.unread(), &bytes[..]);

        buffer.consume(16_000);
        assert_eq!(fill(&mut buffer, &[7; 10], 16_384), 10);
        assert_eq!(&buffer.unread()[..384], &bytes[16_000..]);
        assert_eq!(&buffer.unread()[384..], [7; 10]);
    }

    #[test]
    fn a_dropped_buffer_is_lent_out_again_and_shows_nothing_of_before() {
        let mut buffer = Buffer::default();
        fill(&mut buffer, b"GET / HTTP/1.1", 16_384);
        drop(buffer);
        assert!(Buffer::default().is_empty());
    }
}
