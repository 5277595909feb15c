//! What happens in a simulation from outside the machines, as text that can be printed, replayed and shortened.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One line of a script: at which time, to which client, what.
///
/// ```
/// use socketio_testkit::{Action, Step};
///
/// let step: Step = "1500 c3 stall 200".parse()?;
/// assert_eq!((step.at.as_millis(), step.client, step.action), (1500, 3, Action::Stall(200)));
/// assert_eq!(step.to_string(), "1500 c3 stall 200");
/// # Ok::<(), socketio_testkit::BadStep>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, from the start; whole milliseconds.
    pub at: Duration,
    /// The number of the client it is about.
    pub client: usize,
    /// What.
    pub action: Action,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident($unit:ident) $word:literal,)*) => {
        /// What an application or the network does. The number is what the variant says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Action { $($(#[$doc])* $name(u64),)* }

        impl fmt::Display for Action {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$name(number) => write!(f, concat!($word, " {}"), number),)* }
            }
        }

        impl Action {
            fn named(word: &str, number: u64) -> Option<Self> {
                match word { $($word => Some(Self::$name(number)),)* _ => None }
            }
        }
    };
}

actions! {
    /// The client connects its socket in a namespace: 0 is `/`, 1 `/news`, 2 `/closed`, which the server refuses, 3 `/moody`, which it
    /// refuses now and then.
    Open(namespace) "open",
    /// The client emits an event with so many bytes of filling; an odd number: as an attachment. The number decides which of its
    /// sockets does so, too.
    Emit(bytes) "emit",
    /// Likewise, by the retry queue; the server acknowledges it after half as many ms.
    EmitSure(bytes) "emit-sure",
    /// The server emits to the client, likewise.
    Push(bytes) "push",
    /// The server broadcasts to all, likewise.
    Broadcast(bytes) "broadcast",
    /// The server emits a volatile event with so many bytes.
    Volatile(bytes) "volatile",
    /// The client emits a volatile event with so many bytes.
    Whisper(bytes) "whisper",
    /// The server asks the client for an ack within 1 s; the client answers after so many ms.
    Ask(ms) "ask",
    /// The client asks the server for an ack, which comes after so many ms: within 1 s, or, if the number is odd, without a deadline.
    AskServer(ms) "ask-server",
    /// Nothing of the client travels for so many ms; what is under way comes late.
    Stall(ms) "stall",
    /// All connections of the client break; the number has no meaning.
    Reset(none) "reset",
    /// What is under way on the client's connections, and what follows there, is lost, and neither end is told; 1: on its WebSockets only.
    Mute(which) "mute",
    /// The server's half of the client's WebSocket ends; the number has no meaning.
    HalfClose(none) "half-close",
    /// The client's process is gone without a word; the number has no meaning.
    Vanish(none) "vanish",
    /// The server stops to read from the client for so many ms.
    Pause(ms) "pause",
    /// The client disconnects all its sockets; the number has no meaning.
    Close(none) "close",
    /// The client disconnects one of its sockets.
    Leave(socket) "leave",
    /// The client closes the connection below its sockets; the number has no meaning.
    Drop(none) "drop",
    /// The server disconnects one of the client's sockets.
    Kick(socket) "kick",
    /// The server shuts down, all clients included; the number has no meaning.
    Shutdown(none) "shutdown",
    /// The server's process is gone without a word, and back after so many ms.
    Restart(ms) "restart",
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} c{} {}", self.at.as_millis(), self.client, self.action)
    }
}

/// A line that is no step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadStep(String);

impl fmt::Display for BadStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no step, such as `1500 c3 stall 200`", self.0)
    }
}

impl std::error::Error for BadStep {}

impl FromStr for Step {
    type Err = BadStep;

    fn from_str(line: &str) -> Result<Self, BadStep> {
        let read = || {
            let mut words = line.split_whitespace();
            let at = Duration::from_millis(words.next()?.parse().ok()?);
            let client = words.next()?.strip_prefix('c')?.parse().ok()?;
            let action = Action::named(words.next()?, words.next()?.parse().ok()?)?;
            words.next().is_none().then_some(Self { at, client, action })
        };
        read().ok_or_else(|| BadStep(line.into()))
    }
}

/// Reads a script: one step a line, `;` or line ends between them, empty ones left out.
///
/// # Errors
/// A line is no step.
pub fn parse(script: &str) -> Result<Vec<Step>, BadStep> {
    script.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()).map(str::parse).collect()
}

/// Writes a script, to be read by [`parse`].
pub fn print(script: &[Step]) -> String {
    script.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Shortens what fails: takes out halves, quarters, and so on down to single items, as long as the rest still fails (delta
/// debugging). The result is minimal in that no single item can be left out.
///
/// ```
/// let guilty = |items: &[u32]| items.contains(&3) && items.contains(&8);
/// assert_eq!(socketio_testkit::script::shrink(&(0..100).collect::<Vec<_>>(), guilty), [3, 8]);
/// ```
pub fn shrink<T: Clone>(items: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut items = items.to_vec();
    let mut size = items.len().div_ceil(2).max(1);
    loop {
        let (mut at, mut shorter) = (0, false);
        while at < items.len() {
            let mut rest = items.clone();
            rest.drain(at..(at + size).min(items.len()));
            if fails(&rest) {
                (items, shorter) = (rest, true);
            } else {
                at += size;
            }
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if !shorter {
            return items;
        }
    }
}
