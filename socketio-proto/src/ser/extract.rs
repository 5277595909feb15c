//! JSON formatters: bytes become placeholders, numbers keep their digits.

use std::io::{self, Write};

use bytes::Bytes;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::handoff;

/// Writes compact JSON and collects bytes in the order in which serde visits them: depth first.
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
        KeepDigits.write_f64(writer, value)
    }
}

/// Writes compact JSON; decoded numbers are written as they were received.
pub(crate) struct KeepDigits;

impl Formatter for KeepDigits {
    #[inline]
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        match handoff::has_number_text() {
            true => handoff::write_number_text(writer),
            false => CompactFormatter.write_f64(writer, value),
        }
    }
}
