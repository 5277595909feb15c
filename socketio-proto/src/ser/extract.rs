//! Bytes become placeholders.

use std::io::{self, Write};

use bytes::Bytes;
use serde_json::ser::Formatter;

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
}
