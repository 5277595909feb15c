//! Collects an HTTP body.

use bytes::{Buf, Bytes};

/// A body being read, of at most `limit` bytes.
///
/// A single chunk is kept without a copy; several are copied into one buffer. Memory stays within twice the limit while the buffer
/// grows, and within the limit once it is complete, regardless of the size of the chunks.
#[derive(Debug)]
pub(crate) struct Body {
    limit: usize,
    first: Bytes,
    rest: Vec<u8>,
}

/// The body is longer than its limit.
#[derive(Debug)]
pub(crate) struct TooLarge;

impl Body {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, first: Bytes::new(), rest: Vec::new() }
    }

    /// Appends a chunk.
    pub(crate) fn push(&mut self, mut piece: impl Buf) -> Result<(), TooLarge> {
        let length = self.first.len() + self.rest.len() + piece.remaining();
        if length > self.limit {
            return Err(TooLarge);
        }
        if !piece.has_remaining() {
            return Ok(());
        }
        if length == piece.remaining() {
            self.first = piece.copy_to_bytes(piece.remaining());
            return Ok(());
        }
        if length > self.rest.capacity() {
            // `reserve` could double the capacity beyond the limit.
            let capacity = self.rest.capacity().saturating_mul(2).min(self.limit).max(length);
            self.rest.reserve_exact(capacity - self.rest.len());
        }
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        while piece.has_remaining() {
            let chunk = piece.chunk();
            self.rest.extend_from_slice(chunk);
            let length = chunk.len();
            piece.advance(length);
        }
        Ok(())
    }

    /// The whole body.
    pub(crate) fn finish(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.into() }
    }
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;

    use super::*;

    #[test]
    fn a_single_chunk_is_not_copied() {
        let piece = Bytes::from(vec![7; 100]);
        let mut body = Body::new(100);
        body.push(Bytes::new()).unwrap();
        body.push(piece.clone()).unwrap();
        body.push(Bytes::new()).unwrap();
        assert_eq!(body.finish().as_ptr(), piece.as_ptr());
    }

    #[test]
    fn the_limit_applies_to_the_whole_body() {
        let mut body = Body::new(3);
        body.push(&b"ab"[..]).unwrap();
        body.push(&b"c"[..]).unwrap();
        assert!(body.push(&b"d"[..]).is_err());
        assert_eq!(body.finish(), "abc");
        assert!(Body::new(3).push(&b"abcd"[..]).is_err());
    }

    #[test]
    fn memory_stays_within_twice_the_limit_for_chunks_of_any_size() {
        let whole = Bytes::from(vec![7; 200_000]);
        for size in [1, 2, 3, 1000, 66_667, 100_001, 199_999] {
            for limit in [200_000, 200_001, 399_999, 4_000_000] {
                let mut body = Body::new(limit);
                let memory = measure(|| {
                    let mut rest = whole.clone();
                    while !rest.is_empty() {
                        body.push(rest.split_to(size.min(rest.len()))).unwrap();
                    }
                });
                assert!(memory.bytes_max <= 2 * limit as u64, "{} bytes for pieces of {size}", memory.bytes_max);
                assert!(memory.bytes_max <= 3 * whole.len() as u64, "{} bytes for pieces of {size}", memory.bytes_max);
                assert_eq!(body.finish(), whole);
            }
        }
    }
}
