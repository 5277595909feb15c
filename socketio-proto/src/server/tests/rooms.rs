use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Sockets `a`, `b`, `c`, in that order; their handles are their names.
fn three() -> Rooms<&'static str> {
    let mut rooms = Rooms::new();
    for id in ["a", "b", "c"] {
        rooms.insert(Sid::new(id), id);
    }
    rooms
}

#[test]
fn a_target_without_rooms_selects_all_sockets_in_insertion_order() {
    let mut rooms = Rooms::new();
    for id in ["z", "a", "m"] {
        rooms.insert(Sid::new(id), id);
    }
    assert_eq!(rooms.select(&Target::all()), ["z", "a", "m"]);
    rooms.join("m", "r");
    rooms.join("z", "r");
    assert_eq!(rooms.select(&Target::all().to("r")), ["z", "m"]);
    assert_eq!(rooms.select(&Target::all().to("r").to("a")), ["z", "a", "m"]);
}

#[test]
fn a_socket_in_several_targeted_rooms_is_served_once() {
    let mut rooms = three();
    for room in ["x", "y"] {
        assert!(rooms.join("a", room));
        assert!(rooms.join("b", room));
    }
    assert_eq!(rooms.select(&Target::all().to("x").to("y").to("x").to("a")), ["a", "b"]);
}

#[test]
fn except_takes_precedence_by_room_and_by_id() {
    let mut rooms = three();
    rooms.join("a", "muted");
    assert_eq!(rooms.select(&Target::all().except("muted")), ["b", "c"]);
    assert_eq!(rooms.select(&Target::all().to("a").to("b").except("muted").except("nobody")), ["b"]);
    assert_eq!(rooms.select(&Target::all().to("b").except("b")), [""; 0]);
}

#[test]
fn the_room_of_a_socket_id_is_implicit() {
    let mut rooms = three();
    assert_eq!(rooms.select(&Target::all().to("b")), ["b"]);
    assert_eq!(rooms.joined("b").count(), 0);
    assert_eq!(rooms.rooms().count(), 0);
    // A room with the name of a socket's id also contains that socket.
    rooms.join("c", "b");
    assert_eq!(rooms.select(&Target::all().to("b")), ["b", "c"]);
    assert_eq!(rooms.select(&Target::all().except("b")), ["a"]);
    rooms.join("b", "b");
    assert_eq!(rooms.select(&Target::all().to("b")), ["b", "c"]);
}

#[test]
fn unknown_rooms_and_sockets_select_nothing() {
    let mut rooms = three();
    assert_eq!(rooms.select(&Target::all().to("nobody")), [""; 0]);
    assert!(!rooms.join("nobody", "r"));
    assert!(!rooms.leave("nobody", "r"));
    assert!(!rooms.leave("a", "r"));
    assert_eq!(rooms.remove("nobody"), None);
    assert_eq!(rooms.room_len("r"), 0);
    assert_eq!(rooms.joined("nobody").count(), 0);
}

#[test]
fn empty_rooms_are_removed() {
    let mut rooms = three();
    rooms.join("a", "r");
    rooms.join("b", "r");
    assert!(!rooms.join("b", "r"), "already there");
    assert_eq!(rooms.rooms().collect::<Vec<_>>(), [(&"r".into(), 2)]);
    assert!(rooms.leave("a", "r"));
    assert_eq!(rooms.remove("b"), Some("b"));
    assert_eq!(rooms.rooms().count(), 0);
    assert_eq!((rooms.len(), rooms.get("b"), rooms.get("c")), (2, None, Some(&"c")));
}

#[test]
fn inserting_an_id_again_replaces_the_socket() {
    let mut rooms = three();
    rooms.join("a", "r");
    rooms.insert(Sid::new("a"), "new");
    assert_eq!(rooms.joined("a").count(), 0);
    assert_eq!(rooms.room_len("r"), 0);
    assert_eq!(rooms.select(&Target::all()), ["b", "c", "new"]);
}

#[test]
fn operators_do_not_change_the_original_target() {
    let base = Target::all().to("a");
    let more = base.clone().to("b").except("c").volatile().local();
    assert_eq!(base, Target::all().to("a"));
    assert!(!base.is_volatile() && !base.is_local());
    assert!(more.is_volatile() && more.is_local());
    assert_eq!((more.rooms().len(), more.excluded().len()), (2, 1));
}

#[test]
fn a_hub_keeps_namespaces_apart() {
    let mut hub = Hub::new();
    hub.create("/").unwrap().insert(Sid::new("a"), 1);
    hub.create("admin").unwrap().insert(Sid::new("a"), 2);
    assert_eq!(hub.create("/admin").unwrap().select(&Target::all().to("a")), [2]);
    assert_eq!(
        hub.namespaces().map(|(name, rooms)| (&**name, rooms.len())).collect::<Vec<_>>(),
        [("/", 1), ("/admin", 1)]
    );
    assert!(hub.namespace("admin").is_none(), "clients send the full name");
    hub.namespace_mut("/admin").unwrap().remove("a");
    assert!(hub.namespace("/admin").unwrap().is_empty());
    assert!(hub.remove("/admin").is_some());
    assert!(hub.remove("/admin").is_none());
}

/// Few names, so that names of rooms and ids coincide; `s0` to `s4` are sockets.
const NAMES: [&str; 8] = ["s0", "s1", "s2", "s3", "s4", "x", "y", "z"];
const SOCKETS: usize = 5;

#[derive(Debug, Clone)]
enum Step {
    Insert(usize),
    Remove(usize),
    Join(usize, usize),
    Leave(usize, usize),
    Select(Vec<usize>, Vec<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let (socket, name) = (0..SOCKETS, 0..NAMES.len());
    let names = || prop::collection::vec(0..NAMES.len(), 0..4);
    prop_oneof![
        3 => socket.clone().prop_map(Step::Insert),
        1 => socket.clone().prop_map(Step::Remove),
        6 => (socket.clone(), name.clone()).prop_map(|(socket, room)| Step::Join(socket, room)),
        3 => (socket, name).prop_map(|(socket, room)| Step::Leave(socket, room)),
        4 => (names(), names()).prop_map(|(rooms, except)| Step::Select(rooms, except)),
    ]
}

/// The model: sockets in insertion order, each with its handle and the set of its rooms.
#[derive(Default)]
struct Model(Vec<(&'static str, u32, BTreeSet<&'static str>)>);

impl Model {
    fn find(&mut self, id: &str) -> Option<&mut BTreeSet<&'static str>> {
        self.0.iter_mut().find(|socket| socket.0 == id).map(|socket| &mut socket.2)
    }

    fn select(&self, to: &[&str], except: &[&str]) -> Vec<u32> {
        let within = |names: &[&str], id: &str, rooms: &BTreeSet<&str>| {
            names.iter().any(|name| *name == id || rooms.contains(name))
        };
        let selected = self
            .0
            .iter()
            .filter(|(id, _, rooms)| (to.is_empty() || within(to, id, rooms)) && !within(except, id, rooms));
        selected.map(|socket| socket.1).collect()
    }

    fn rooms(&self) -> BTreeMap<&str, usize> {
        let mut rooms = BTreeMap::new();
        for room in self.0.iter().flat_map(|socket| &socket.2) {
            *rooms.entry(*room).or_default() += 1;
        }
        rooms
    }
}

proptest! {
    #[test]
    fn rooms_agree_with_a_model_of_name_sets(steps in prop::collection::vec(step(), 0..60)) {
        let mut rooms = Rooms::new();
        let mut model = Model::default();
        let mut handle = 0;
        for step in steps {
            match step {
                Step::Insert(socket) => {
                    handle += 1;
                    let id = NAMES[socket];
                    rooms.insert(Sid::new(id), handle);
                    model.0.retain(|socket| socket.0 != id);
                    model.0.push((id, handle, BTreeSet::new()));
                }
                Step::Remove(socket) => {
                    let id = NAMES[socket];
                    let known = model.0.iter().find(|socket| socket.0 == id).map(|socket| socket.1);
                    prop_assert_eq!(rooms.remove(id), known);
                    model.0.retain(|socket| socket.0 != id);
                }
                Step::Join(socket, room) => {
                    let joined = model.find(NAMES[socket]).is_some_and(|rooms| rooms.insert(NAMES[room]));
                    prop_assert_eq!(rooms.join(NAMES[socket], NAMES[room]), joined);
                }
                Step::Leave(socket, room) => {
                    let left = model.find(NAMES[socket]).is_some_and(|rooms| rooms.remove(NAMES[room]));
                    prop_assert_eq!(rooms.leave(NAMES[socket], NAMES[room]), left);
                }
                Step::Select(to, except) => {
                    let names = |list: Vec<usize>| list.into_iter().map(|name| NAMES[name]).collect::<Vec<_>>();
                    let (to, except) = (names(to), names(except));
                    let target = to.iter().fold(Target::all(), |target, room| target.to(*room));
                    let target = except.iter().fold(target, |target, room| target.except(*room));
                    prop_assert_eq!(rooms.select(&target), model.select(&to, &except));
                }
            }
            prop_assert_eq!(rooms.len(), model.0.len());
            prop_assert_eq!(rooms.rooms().map(|(room, len)| (&**room, len)).collect::<BTreeMap<_, _>>(), model.rooms());
            for (id, handle, joined) in &model.0 {
                prop_assert_eq!(rooms.get(id), Some(handle));
                prop_assert!(rooms.joined(id).map(|room| &**room).eq(joined.iter().copied()));
            }
            for room in NAMES {
                prop_assert_eq!(rooms.room_len(room), model.rooms().get(room).copied().unwrap_or_default());
            }
        }
    }
}
