//! Masks of a client's frames (RFC 6455, section 5.3).

use std::fmt;

use bytes::{Bytes, BytesMut};

/// Random bytes fetched at once: enough for 64 frames.
const FETCH: usize = 256;

/// Fills a slice with random bytes.
type Entropy = dyn FnMut(&mut [u8]) + Send;

/// The keys of one WebSocket's frames.
pub(super) struct Keys {
    entropy: Box<Entropy>,
    random: [u8; FETCH],
    used: usize,
}

impl Keys {
    /// Keys from `entropy`, whose bytes must be unpredictable.
    pub(super) fn new(entropy: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        Self { entropy: Box::new(entropy), random: [0; FETCH], used: FETCH }
    }

    /// The key of the next frame.
    pub(super) fn next(&mut self) -> [u8; 4] {
        if self.used >= FETCH {
            (self.entropy)(&mut self.random);
            self.used = 0;
        }
        let key = self.random.get(self.used..).and_then(|rest| rest.first_chunk()).copied();
        self.used += 4;
        key.unwrap_or_default()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// Masks the payload of a frame, which begins at `start`, in place.
pub(super) fn apply(buffer: &mut [u8], start: usize, key: Option<[u8; 4]>) {
    if let (Some(key), Some(payload)) = (key, buffer.get_mut(start..)) {
        xor(payload, key);
    }
}

/// Masks a payload that follows `skipped` bytes of its frame: in place if it is not shared, otherwise in a copy.
pub(super) fn masked(payload: Bytes, mut key: [u8; 4], skipped: usize) -> Bytes {
    key.rotate_left(skipped % 4);
    let mut payload = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    xor(&mut payload, key);
    payload.freeze()
}

fn xor(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    // 16 bytes, the width of a vector register.
    let wide = [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d];
    let mut chunks = payload.chunks_exact_mut(wide.len());
    for chunk in &mut chunks {
        chunk.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
    }
    chunks.into_remainder().iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
}
