//! The server's end of one WebSocket.

use std::collections::VecDeque;

use engineio_proto::{Data, Frame, Instant, WebSocketId};
use socketio_proto::{Body, Decoder, Limits, encode};

pub(crate) const NAMES: [&str; 3] = ["/", "/retry", "/b"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Space {
    Away,
    /// A CONNECT that has not been answered.
    Asking,
    Joined,
    /// The server disconnected the socket; the client may not have received the DISCONNECT.
    Gone,
}

pub(crate) struct Peer {
    pub(crate) ws: WebSocketId,
    pub(crate) open: bool,
    unread: VecDeque<Data>,
    decoder: Decoder,
    pub(crate) spaces: [Space; NAMES.len()],
    /// DISCONNECTs of both sides crossed, so it is ambiguous which answer belongs to which CONNECT; or a socket was
    /// accepted without an id.
    pub(crate) crossed: [bool; NAMES.len()],
    /// Acks to be sent: namespace, id, and the number of the event.
    unsent: Vec<(usize, u64, u64)>,
    /// The numbers of the plain and of the reliable events received.
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
            unsent: Vec::new(),
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

    /// Reads a number of frames of the client. Returns `false` at a violation that the client can't avoid.
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
                    self.unsent.extend(id.map(|id| (index, id, number)));
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

    /// The acks for namespaces that are still joined.
    pub(crate) fn acks(&mut self) -> Vec<String> {
        let unsent = std::mem::take(&mut self.unsent);
        let unsent = unsent.into_iter().filter(|(index, ..)| self.spaces[*index] == Space::Joined);
        unsent
            .map(|(index, id, number)| format!("4{}", encode::ack(NAMES[index], id, &number).unwrap().text()))
            .collect()
    }
}
