//! Padded base64 of the standard alphabet, with vector instructions where the processor has them: polling sends all binary data as
//! base64.

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

/// The length of the base64 of that many bytes: four characters for each group of three, the last group padded.
#[inline]
pub(crate) fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    engine().encode_string(bytes, out);
}

/// Decodes strictly, into a buffer of exactly the right size, which `Bytes` takes without a copy.
pub(crate) fn decode(text: &str) -> Option<Bytes> {
    let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    let size = (text.len() / 4 * 3).checked_sub(padding)?;
    let mut bytes = vec![0; size];
    let written = engine().decode_slice(text, &mut bytes).ok()?;
    (written == size).then(|| bytes.into())
}
