//! Base64 of the standard alphabet, padded, by the fastest way the processor has: binary in a polling body is large.

use ::base64::Engine;
use bytes::Bytes;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn engine() -> &'static impl Engine {
    use ::base64::engine::{Simd, general_purpose::PAD};
    static ENGINE: std::sync::LazyLock<Simd> = std::sync::LazyLock::new(|| Simd::standard(PAD));
    &*ENGINE
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine() -> &'static impl Engine {
    &::base64::engine::general_purpose::STANDARD
}

/// How many characters so many bytes become: four for each group of three begun.
#[inline]
pub(crate) fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    engine().encode_string(bytes, out);
}

/// Decodes strictly, into a buffer of exactly the right size, so that `Bytes` takes it over as it is.
pub(crate) fn decode(text: &str) -> Option<Bytes> {
    let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    let size = (text.len() / 4 * 3).checked_sub(padding)?;
    let mut bytes = vec![0; size];
    let written = engine().decode_slice(text, &mut bytes).ok()?;
    (written == size).then(|| bytes.into())
}
