//! Buffers shared by the tasks of a thread, so that an idle session holds none.

use std::cell::Cell;

use engineio_proto::WebSocketId;

use crate::ws::Incoming;

/// Size of the read buffer, in bytes.
const READ_BUFFER: usize = 256 * 1024;

/// A write buffer larger than this, in bytes, is freed after its turn.
const KEEP: usize = 1024 * 1024;

pub(crate) struct Scratch {
    pub(crate) read: Box<[u8]>,
    pub(crate) inputs: Vec<(WebSocketId, Incoming)>,
    pub(crate) write: Vec<u8>,
    /// Index of the WebSocket whose bytes `write` holds.
    pub(crate) writing: Option<usize>,
    /// Always empty; passed to a WebSocket that has nothing new to write.
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

/// Calls `turn` with the buffers of this thread. A task polled within the turn of another gets new ones.
pub(crate) fn with<T>(turn: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_else(Scratch::new);
    let result = turn(&mut scratch);
    if scratch.write.capacity() > KEEP {
        scratch.write = Vec::new();
    }
    SCRATCH.set(Some(scratch));
    result
}
