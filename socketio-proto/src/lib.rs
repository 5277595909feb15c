//! Socket.IO v5 as pure state machines: packets, binary attachments, acks, server connection, hub, client manager. No
//! I/O, no clock, no async.
//!
//! The codec has three parts. [`encode`] turns typed arguments into the engine messages of a packet. A [`Decoder`]
//! reassembles packets from the messages of a peer. [`Args`] holds the arguments of an event or an ack as JSON; the
//! handler decodes them into owned types, borrowed types, or [`Value`]s.
//!
//! ```
//! use bytes::Bytes;
//! use socketio_proto::{Body, Decoder, Instant, Limits, encode};
//!
//! let picture = Bytes::from_static(b"\x89PNG");
//! let packet = encode::event("/", Some(7), "picture", &("me.png", picture.clone()))?;
//! assert_eq!(packet.text(), r#"51-7["picture","me.png",{"_placeholder":true,"num":0}]"#);
//!
//! let mut decoder = Decoder::new(Limits::default());
//! let mut received = None;
//! for message in packet.messages() {
//!     received = decoder.decode(message, Instant::now())?;
//! }
//! let Some(Body::Event { id: Some(7), event }) = received.map(|packet| packet.body) else { unreachable!() };
//! assert_eq!(&*event.name, "picture");
//! assert_eq!(event.args.parse::<(&str, &[u8])>()?, ("me.png", &picture[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod acks;
mod args;
pub mod client;
mod de;
mod decoder;
pub mod encode;
mod error;
mod handoff;
mod header;
mod json;
mod name;
mod packet;
mod placeholder;
mod ser;
pub mod server;
mod socket;
mod value;
mod walk;

pub use args::{Args, FromArgs};
pub use decoder::{Decoder, Limits};
pub use encode::{Encoded, Messages};
pub use engineio_proto::{Data, Instant, Sid, Text};
pub use error::{ArgsError, DecodeError, EncodeError};
pub use json::Json;
pub use name::EventName;
pub use packet::{Body, Event, Packet};
pub use socket::{AckError, EmitError, SocketKey};
pub use value::{Number, Value};

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
