//! Buffers that the tasks of a thread use in turn, so that an idle session holds none.

use std::cell::Cell;

use engineio_proto::WebSocketId;

use crate::ws::Incoming;

/// Bytes read at once.
const READ_BUFFER: usize = 256 * 1024;

/// Buffers that have grown beyond this are given back.
const KEEP: usize = 1024 * 1024;

pub(crate) struct Scratch {
    pub(crate) read: Box<[u8]>,
    pub(crate) inputs: Vec<(WebSocketId, Incoming)>,
    pub(crate) write: Vec<u8>,
    /// Whose bytes `write` holds, by index.
    pub(crate) writing: Option<usize>,
    /// Always empty: for a WebSocket that has nothing new to write.
    pub(crate) spare: Vec<u8>,
}

impl Scratch {
    fn new() -> Box<Self> {
        Box::new(Self {
            read: vec![0; READ_BUFFER].into(),
            inputs: Vec::new(),
            write: Vec::new(),
            writing: None,
            spare: Vec::new(),
        })
    }
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Lends the buffers of this thread. A task polled within another's turn gets some of its own.
pub(crate) fn with<T>(turn: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_else(Scratch::new);
    let result = turn(&mut scratch);
    if scratch.write.capacity() > KEEP {
        scratch.write = Vec::new();
    }
    SCRATCH.set(Some(scratch));
    result
}
