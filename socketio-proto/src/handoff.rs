//! A way for handles past serde, which only knows slices.
//!
//! serde's traits speak of `&[u8]`, so a [`Bytes`] that passes through them arrives as a slice and would have to be copied.
//! Whoever passes a slice lends the handle it belongs to for the time of the call; whoever receives the slice may take it.
//! The lent handle lies in a slot of the thread, empty outside of such a call; nothing is shared and nothing outlives it.

use std::cell::RefCell;

use bytes::Bytes;

use crate::Args;

/// The name of the newtype as which [`Args`] announce themselves to the codec's own serializer and deserializer.
pub(crate) const ARGS: &str = "$socketio_proto::Args";

enum Handle {
    Bytes(Bytes),
    Args(Args),
}

thread_local! {
    static LENT: RefCell<Option<Handle>> = const { RefCell::new(None) };
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
