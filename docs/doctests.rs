//! Compiles the examples of README.md and of the guides, as documentation tests. A package of its own, so that no published
//! package refers to files outside of it.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("migrating-from-javascript.md")]
struct MigratingFromJavaScript;

#[cfg(doctest)]
#[doc = include_str!("migrating-from-rust_socketio.md")]
struct MigratingFromRustSocketio;
