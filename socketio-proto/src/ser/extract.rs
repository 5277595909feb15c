//! How the codec writes what JSON can spell in more than one way: bytes become placeholders, numbers keep their digits.

use std::io::{self, Write};

use bytes::Bytes;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::handoff;

/// Writes compact JSON; bytes go aside, in the order in which serde meets them: depth first.
#[derive(Debug)]
pub(crate) struct Extract<'a> {
    pub(crate) found: &'a mut Vec<Bytes>,
}

impl Formatter for Extract<'_> {
    fn write_byte_array<W: ?Sized + Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        write!(writer, r#"{{"_placeholder":true,"num":{}}}"#, self.found.len())?;
        self.found.push(handoff::take_bytes(value));
        Ok(())
    }

    #[inline]
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        Spelled.write_f64(writer, value)
    }
}

/// Writes compact JSON; numbers that were read as they are spelled.
pub(crate) struct Spelled;

impl Formatter for Spelled {
    #[inline]
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        match handoff::is_spelled() {
            true => handoff::write_spelling(writer),
            false => CompactFormatter.write_f64(writer, value),
        }
    }
}
