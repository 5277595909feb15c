//! Masks of a client's frames (RFC 6455, section 5.3).

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// Random bytes fetched at once: enough for 256 frames.
const FETCH: usize = 1024;

struct Keys {
    random: [u8; FETCH],
    used: usize,
}

thread_local! {
    static KEYS: RefCell<Keys> = const { RefCell::new(Keys { random: [0; FETCH], used: FETCH }) };
}

/// A key that nobody can foresee, for one frame.
///
/// # Panics
/// The operating system has no random bytes to give.
pub(super) fn key() -> [u8; 4] {
    KEYS.with_borrow_mut(|keys| {
        if let Some(&key) = keys.random.get(keys.used..).and_then(|rest| rest.first_chunk()) {
            keys.used += 4;
            return key;
        }
        getrandom::fill(&mut keys.random).expect("the operating system's random bytes");
        keys.used = 4;
        let [a, b, c, d, ..] = keys.random;
        [a, b, c, d]
    })
}

/// Masks the payload of a frame, which begins at `start`, in place.
pub(super) fn apply(buffer: &mut [u8], start: usize, key: Option<[u8; 4]>) {
    if let (Some(key), Some(payload)) = (key, buffer.get_mut(start..)) {
        xor(payload, key);
    }
}

/// A payload behind `skipped` bytes of its frame: masked where it is if nobody else holds it, else a copy.
pub(super) fn masked(payload: Bytes, mut key: [u8; 4], skipped: usize) -> Bytes {
    key.rotate_left(skipped % 4);
    let mut payload = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    xor(&mut payload, key);
    payload.freeze()
}

fn xor(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    // As wide as a vector register.
    let wide = [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d];
    let mut chunks = payload.chunks_exact_mut(wide.len());
    for chunk in &mut chunks {
        chunk.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
    }
    chunks.into_remainder().iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
}
