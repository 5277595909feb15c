//! Upgrade, polls, pings and messages of both sides, in every order that a network allows: all of the first `DEPTH` choices (7 if it says
//! nothing), then one order to the end.

mod pair;

use engineio_proto::TransportKind;
use pair::Pair;

/// Goes through all sequences of choices.
#[derive(Default)]
struct Choices {
    /// What was chosen, out of how many.
    path: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.path.len() {
            self.path.push((0, of));
        }
        self.at += 1;
        self.path[self.at - 1].0
    }

    /// On to the next sequence, if there is one.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.path.pop() {
            if chosen + 1 < of {
                self.path.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

#[test]
fn upgrade_and_poll_and_ping_in_every_order() {
    let depth = std::env::var("DEPTH").map_or(7, |depth| depth.parse().expect("a number"));
    let mut choices = Choices::default();
    let mut sequences = 0;
    loop {
        let mut pair = Pair::open();
        for _ in 0..depth {
            let ways = pair.ways();
            if ways == 0 {
                break;
            }
            pair.step(choices.choose(ways));
        }
        let path: Vec<usize> = choices.path.iter().map(|(chosen, _)| *chosen).collect();
        check(pair, &path);
        sequences += 1;
        if !choices.next() {
            break;
        }
    }
    assert!(sequences > 1000 || depth < 6, "{sequences}");
}

/// Whatever happened: all is there, in order, by WebSocket; and the heart still beats.
fn check(mut pair: Pair, path: &[usize]) {
    pair.act_all();
    pair.settle();
    assert_eq!(pair.closed, None, "{path:?}");
    assert_eq!((&pair.up_got, &pair.down_got), (&pair.up_sent, &pair.down_sent), "{path:?}");
    let transports = (pair.client.transport(), pair.server().transport());
    assert_eq!(transports, (TransportKind::WebSocket, TransportKind::WebSocket), "{path:?}");
    assert_eq!((pair.client.buffered(), pair.server().buffered()), (0, 0), "{path:?}");
    for _ in 0..6 {
        pair.beat();
        pair.settle();
        assert_eq!(pair.closed, None, "{path:?}: the heart stopped");
    }
}
