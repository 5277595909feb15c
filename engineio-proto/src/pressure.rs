//! How full an outbox is.

/// How full an outbox is; from [`Session::send`](crate::server::Session::send) and [`Session::pressure`](crate::server::Session::pressure).
///
/// Advisory: a message is refused only if it does not fit into the outbox. Exhaustive: a sender either goes on or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pressure {
    /// At most half of `outbox_limit` is buffered.
    Low,
    /// More than half is buffered. [`Event::Ready`](crate::server::Event::Ready) reports when the pressure is low again.
    High,
}
