//! The server's end of one WebSocket.

use std::collections::VecDeque;

use engineio_proto::{Data, Frame, Instant, WebSocketId};
use socketio_proto::{Body, Decoder, Limits, encode};

pub(crate) const NAMES: [&str; 3] = ["/", "/retry", "/b"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Space {
    Away,
    /// CONNECT came and was not answered.
    Asking,
    Joined,
    /// The server disconnected it; the client may not know.
    Gone,
}

pub(crate) struct Peer {
    pub(crate) ws: WebSocketId,
    pub(crate) open: bool,
    unread: VecDeque<Data>,
    decoder: Decoder,
    pub(crate) spaces: [Space; NAMES.len()],
    /// A DISCONNECT of each side crossed, so that nobody can tell any more which answer belongs to which CONNECT; or a socket was
    /// let in without an id.
    pub(crate) crossed: [bool; NAMES.len()],
    /// Acks to be sent: namespace, id, the number of what asks.
    owed: Vec<(usize, u64, u64)>,
    /// The numbers of plain and of reliable events.
    pub(crate) plain: [Vec<u64>; NAMES.len()],
    pub(crate) reliable: [Vec<u64>; NAMES.len()],
}

impl Peer {
    pub(crate) fn new(ws: WebSocketId) -> Self {
        Self {
            ws,
            open: false,
            unread: VecDeque::new(),
            decoder: Decoder::new(Limits::default()),
            spaces: [Space::Away; NAMES.len()],
            crossed: [false; NAMES.len()],
            owed: Vec::new(),
            plain: Default::default(),
            reliable: Default::default(),
        }
    }

    pub(crate) fn sent(&mut self, frame: Frame) {
        match frame.prefix {
            Some(b'4') => self.unread.push_back(Data::from(String::from_utf8(frame.body.to_vec()).unwrap())),
            Some(prefix) => assert_eq!(prefix, b'3'),
            None => self.unread.push_back(Data::Binary(frame.body)),
        }
    }

    /// Reads so many frames of the client. `false` if it broke the rules, where it could not know better.
    pub(crate) fn read(&mut self, count: usize, now: Instant) -> bool {
        for _ in 0..count {
            let Some(data) = self.unread.pop_front() else { return true };
            let Some(packet) = self.decoder.decode(data, now).unwrap() else { continue };
            let index = NAMES.iter().position(|name| packet.namespace == *name).unwrap();
            let space = &mut self.spaces[index];
            match (packet.body, *space) {
                (Body::Connect(_), Space::Away | Space::Gone) => *space = Space::Asking,
                (Body::Connect(_), _) => {
                    assert!(self.crossed[index], "CONNECT twice");
                    return false;
                }
                (Body::Disconnect, Space::Joined) => *space = Space::Away,
                (Body::Disconnect, Space::Gone) => self.crossed[index] = true,
                (Body::Event { id, event }, Space::Joined) => {
                    let (number, _) = event.args.parse::<(u64, socketio_proto::Value<'_>)>().unwrap();
                    match &*event.name {
                        "plain" => self.plain[index].push(number),
                        _ => self.reliable[index].push(number),
                    }
                    self.owed.extend(id.map(|id| (index, id, number)));
                }
                (Body::Ack { .. } | Body::Event { .. }, Space::Gone) => {}
                (body, space) => panic!("{body:?} in {space:?}"),
            }
        }
        true
    }

    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Acks for what is still there.
    pub(crate) fn acks(&mut self) -> Vec<String> {
        let owed = std::mem::take(&mut self.owed);
        let owed = owed.into_iter().filter(|(index, ..)| self.spaces[*index] == Space::Joined);
        owed.map(|(index, id, number)| format!("4{}", encode::ack(NAMES[index], id, &number).unwrap().text())).collect()
    }
}
