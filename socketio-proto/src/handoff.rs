//! A way for handles past serde, which only knows slices and numbers.
//!
//! serde's traits speak of `&[u8]`, so a [`Bytes`] that passes through them arrives as a slice and would have to be copied.
//! Whoever passes a slice lends the handle it belongs to for the time of the call; whoever receives the slice may take it.
//! The same goes for a value that has been read, which passes as a unit, and for the spelling of a number, which passes as a float.
//! The lent handle lies in a slot of the thread, empty outside of such a call; nothing is shared and nothing outlives it.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};

use bytes::Bytes;

use crate::{Args, Value};

/// The name of the newtype as which [`Args`] announce themselves to the codec's own serializer and deserializer.
pub(crate) const ARGS: &str = "$socketio_proto::Args";

enum Handle {
    Bytes(Bytes),
    Args(Args),
}

thread_local! {
    static LENT: RefCell<Option<Handle>> = const { RefCell::new(None) };
    static VALUE: Cell<Option<Value<'static>>> = const { Cell::new(None) };
    static SPELLING: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether there is a spelling: looked at for each float and null that is encoded.
    static IS_SPELLED: Cell<bool> = const { Cell::new(false) };
}

/// Calls with a handle that passes as its slice.
pub(crate) fn lend_bytes<R>(bytes: &Bytes, call: impl FnOnce(&[u8]) -> R) -> R {
    let _restore = lend(Handle::Bytes(bytes.clone()));
    call(bytes)
}

/// Calls with arguments that pass as the newtype [`ARGS`].
pub(crate) fn lend_args<R>(args: &Args, call: impl FnOnce() -> R) -> R {
    let _restore = lend(Handle::Args(args.clone()));
    call()
}

/// Calls with a value that passes as a unit.
pub(crate) fn lend_value<R>(value: Value<'static>, call: impl FnOnce() -> R) -> R {
    let _clear = ClearValue;
    VALUE.set(Some(value));
    call()
}

/// Calls with the spelling of a number that passes as a float.
pub(crate) fn lend_spelling<R>(spelling: &str, call: impl FnOnce() -> R) -> R {
    let _clear = ClearSpelling;
    SPELLING.with_borrow_mut(|lent| lent.push_str(spelling));
    IS_SPELLED.set(true);
    call()
}

/// Whether the spelling of a number was lent.
#[inline]
pub(crate) fn is_spelled() -> bool {
    IS_SPELLED.get()
}

/// Writes the spelling that was lent.
#[cold]
#[inline(never)]
pub(crate) fn write_spelling<W: Write + ?Sized>(writer: &mut W) -> io::Result<()> {
    SPELLING.with_borrow(|lent| writer.write_all(lent.as_bytes()))
}

/// The handle of the slice if one was lent, else a copy.
pub(crate) fn take_bytes(slice: &[u8]) -> Bytes {
    LENT.with_borrow(|lent| match lent {
        Some(Handle::Bytes(bytes)) if std::ptr::eq::<[u8]>(&**bytes, slice) => bytes.clone(),
        _ => Bytes::copy_from_slice(slice),
    })
}

/// The arguments, if some were lent.
pub(crate) fn take_args() -> Option<Args> {
    LENT.with_borrow(|lent| match lent {
        Some(Handle::Args(args)) => Some(args.clone()),
        _ => None,
    })
}

/// The value, if one was lent.
pub(crate) fn take_value() -> Option<Value<'static>> {
    VALUE.take()
}

fn lend(handle: Handle) -> Restore {
    Restore(LENT.replace(Some(handle)))
}

/// Puts back what was lent before, also when the call panics.
struct Restore(Option<Handle>);

impl Drop for Restore {
    fn drop(&mut self) {
        LENT.set(self.0.take());
    }
}

/// Takes back a value that nobody took.
struct ClearValue;

impl Drop for ClearValue {
    fn drop(&mut self) {
        drop(VALUE.take());
    }
}

/// Takes back the spelling of a number, also when the call panics.
struct ClearSpelling;

impl ClearSpelling {
    /// What a thread keeps at most, in bytes.
    const KEPT: usize = 1024;
}

impl Drop for ClearSpelling {
    fn drop(&mut self) {
        IS_SPELLED.set(false);
        SPELLING.with_borrow_mut(|lent| {
            lent.clear();
            lent.shrink_to(Self::KEPT);
        });
    }
}
