//! What a case has seen, for waits that fail.

use std::cell::RefCell;
use std::fmt::{self, Display, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries that are printed at most.
const SHOWN: usize = 60;

/// Characters of an entry.
const LENGTH: usize = 200;

thread_local! {
    /// The journal of the case that runs on this thread.
    static CURRENT: RefCell<Journal> = RefCell::default();
}

/// What logs, wires and relays of one case have seen, in order.
#[derive(Clone, Default)]
pub(super) struct Journal {
    entries: Arc<Mutex<Vec<String>>>,
}

impl Journal {
    /// Begins a new one for this thread.
    pub(super) fn begin() -> Self {
        let journal = Self::default();
        CURRENT.with(|current| current.replace(journal.clone()));
        journal
    }

    /// The one of the case that runs on this thread.
    pub(super) fn current() -> Self {
        CURRENT.with(|current| current.borrow().clone())
    }

    pub(super) fn note(&self, source: impl Display, what: impl Display) {
        let mut entry = Short(String::new());
        // An error means that the entry is cut.
        _ = write!(entry, "{source}: {what}");
        self.lock().push(entry.0);
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// What came after the first `before` entries, for a message.
    pub(super) fn since(&self, before: usize) -> String {
        let entries = self.lock();
        let (title, begin) = match entries.len() > before {
            true => ("seen meanwhile", before.max(entries.len().saturating_sub(SHOWN))),
            false => ("nothing was seen meanwhile; before that", before.saturating_sub(10)),
        };
        let list: String = entries.iter().skip(begin).map(|entry| format!("\n  {entry}")).collect();
        format!("\n{title} ({} of {} entries):{list}", entries.len() - begin.min(entries.len()), entries.len())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a text.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.len() >= LENGTH {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_prints_what_came_after_it_began_and_else_what_was_before() {
        let journal = Journal::begin();
        Journal::current().note("log", "early");
        let before = journal.len();
        assert!(journal.since(before).ends_with("(1 of 1 entries):\n  log: early"), "{}", journal.since(before));
        journal.note("log", "x".repeat(5000));
        let seen = journal.since(before);
        assert!(seen.starts_with("\nseen meanwhile (1 of 2 entries):\n  log: xxx") && seen.len() < 300, "{seen}");
        for number in 0..100 {
            journal.note("log", number);
        }
        let seen = journal.since(before);
        assert!(seen.contains("(60 of 102 entries):\n  log: 40\n") && seen.ends_with("log: 99"), "{seen}");
    }
}
