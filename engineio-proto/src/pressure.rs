//! How full an outbox is.

/// How full an outbox is, the answer to [`Session::send`](crate::server::Session::send). Exhaustive: either one may go on or one
/// had better wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pressure {
    /// At most half of the limit waits.
    Low,
    /// More does. [`Event::Ready`](crate::server::Event::Ready) tells when it no longer does.
    High,
}
