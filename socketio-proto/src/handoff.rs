//! Passes handles through serde, whose data model only has slices and numbers.
//!
//! serde passes bytes as `&[u8]`, so the receiver of a [`Bytes`] gets a slice and would have to copy it. Therefore the
//! sender lends the handle for the duration of the call, and the receiver of the slice may clone it. In the same way a
//! decoded value is lent while serde passes a unit, and the text of a number while serde passes a float. The lent
//! handle is in a thread-local slot, which is empty outside of such a call.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};

use bytes::Bytes;

use crate::{Args, Value};

/// The newtype name by which this crate's serializer and deserializer recognize [`Args`].
pub(crate) const ARGS: &str = "$socketio_proto::Args";

enum Handle {
    Bytes(Bytes),
    Args(Args),
}

thread_local! {
    static LENT: RefCell<Option<Handle>> = const { RefCell::new(None) };
    static VALUE: Cell<Option<Value<'static>>> = const { Cell::new(None) };
    static NUMBER_TEXT: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether a number text is lent. A separate flag, because it is read for each float that is encoded.
    static HAS_NUMBER_TEXT: Cell<bool> = const { Cell::new(false) };
}

/// Lends a handle during `call`, which passes its slice to serde.
pub(crate) fn lend_bytes<R>(bytes: &Bytes, call: impl FnOnce(&[u8]) -> R) -> R {
    let _restore = lend(Handle::Bytes(bytes.clone()));
    call(bytes)
}

/// Lends arguments during `call`, which passes the newtype [`ARGS`] to serde.
pub(crate) fn lend_args<R>(args: &Args, call: impl FnOnce() -> R) -> R {
    let _restore = lend(Handle::Args(args.clone()));
    call()
}

/// Lends a value during `call`, which passes a unit to serde.
pub(crate) fn lend_value<R>(value: Value<'static>, call: impl FnOnce() -> R) -> R {
    let _clear = ClearValue;
    VALUE.set(Some(value));
    call()
}

/// Lends the text of a number during `call`, which passes a float to serde.
pub(crate) fn lend_number_text<R>(text: &str, call: impl FnOnce() -> R) -> R {
    let _clear = ClearNumberText;
    NUMBER_TEXT.with_borrow_mut(|lent| lent.push_str(text));
    HAS_NUMBER_TEXT.set(true);
    call()
}

/// Whether the text of a number is lent.
#[inline]
pub(crate) fn has_number_text() -> bool {
    HAS_NUMBER_TEXT.get()
}

/// Writes the lent text of a number.
#[cold]
#[inline(never)]
pub(crate) fn write_number_text<W: Write + ?Sized>(writer: &mut W) -> io::Result<()> {
    NUMBER_TEXT.with_borrow(|lent| writer.write_all(lent.as_bytes()))
}

/// The lent handle of the slice, or a copy if none is lent.
pub(crate) fn take_bytes(slice: &[u8]) -> Bytes {
    LENT.with_borrow(|lent| match lent {
        Some(Handle::Bytes(bytes)) if std::ptr::eq::<[u8]>(&**bytes, slice) => bytes.clone(),
        _ => Bytes::copy_from_slice(slice),
    })
}

/// The lent arguments, if any.
pub(crate) fn take_args() -> Option<Args> {
    LENT.with_borrow(|lent| match lent {
        Some(Handle::Args(args)) => Some(args.clone()),
        _ => None,
    })
}

/// Takes the lent value, if any.
pub(crate) fn take_value() -> Option<Value<'static>> {
    VALUE.take()
}

fn lend(handle: Handle) -> Restore {
    Restore(LENT.replace(Some(handle)))
}

/// Restores the previously lent handle, even if the call panics.
struct Restore(Option<Handle>);

impl Drop for Restore {
    fn drop(&mut self) {
        LENT.set(self.0.take());
    }
}

/// Drops the lent value if it was not taken.
struct ClearValue;

impl Drop for ClearValue {
    fn drop(&mut self) {
        drop(VALUE.take());
    }
}

/// Clears the lent number text, even if the call panics.
struct ClearNumberText;

impl ClearNumberText {
    /// The largest capacity, in bytes, that a thread keeps.
    const KEPT: usize = 1024;
}

impl Drop for ClearNumberText {
    fn drop(&mut self) {
        HAS_NUMBER_TEXT.set(false);
        NUMBER_TEXT.with_borrow_mut(|lent| {
            lent.clear();
            lent.shrink_to(Self::KEPT);
        });
    }
}
