//! What is written down of a lock.

use serde::{Deserialize, Serialize};

/// The format; what another major version wrote is not understood.
const FORMAT: u32 = 1;
/// Characters of a field at most: SSM takes 4096 together, and an ARN alone may have 2048.
const LONGEST: usize = 512;

/// Who holds a lock, or let go of it last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// Tells one run from every other.
    pub session: String,
    /// What is run, such as `apply`.
    pub verb: String,
    /// ARN of the caller.
    pub who: String,
    /// Since when, in seconds since 1970 by the holder's clock.
    pub since: u64,
    /// Name of the machine, for people.
    pub host: String,
    /// Id of the process.
    pub pid: u32,
    /// Tells machine and start of the process from all others, where the system can say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Address of the pipeline's run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

impl Holder {
    /// Cuts every text to a length with which the lock fits into a parameter, and to what is safe to print.
    pub fn shortened(self) -> Self {
        let Self { session, verb, who, since, host, pid, process, pipeline } = self;
        let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
        let cut = |text: String| text.chars().take(LONGEST).map(|c| if plain(c) { c } else { '?' }).collect();
        Self {
            session: cut(session),
            verb: cut(verb),
            who: cut(who),
            since,
            host: cut(host),
            pid,
            process: process.map(cut),
            pipeline: pipeline.map(cut),
        }
    }
}

/// What is written down: a version of the parameter, or the contents of the object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    lockstep_lock: u32,
    /// Tells this entry from every other.
    pub id: String,
    /// The version of the parameter that it was made from; 0 for the first, and in an object.
    pub base: u64,
    /// The id of the entry at that version.
    pub previous: Option<String>,
    /// Who holds the lock, or let go of it. Not the last field: SSM gives double brackets a meaning.
    pub holder: Holder,
    /// Whether it is held.
    pub held: bool,
}

impl Entry {
    /// Writes an entry.
    pub const fn new(id: String, held: bool, holder: Holder) -> Self {
        Self { lockstep_lock: FORMAT, id, base: 0, previous: None, holder, held }
    }

    /// Has it follow upon a version of a parameter.
    pub fn after(self, version: u64, id: String) -> Self {
        Self { base: version, previous: Some(id), ..self }
    }

    /// Returns whether the entry at a version counts, by the entry before it.
    ///
    /// INVARIANT: nothing but the two versions decides, and neither ever changes, so all readers agree.
    pub fn counts(&self, version: u64, before: Option<&Self>) -> bool {
        self.base.checked_add(1) == Some(version) && self.previous.as_ref() == before.map(|before| &before.id)
    }

    /// Reads what was written; `None` for what no lockstep of this format wrote.
    pub fn parse(value: &str) -> Option<Self> {
        let entry: Self = serde_json::from_str(value).ok()?;
        // Whoever may write it, need not be lockstep.
        let holder = entry.holder.shortened();
        (entry.lockstep_lock == FORMAT).then_some(Self { holder, ..entry })
    }

    /// Writes it down.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(base: u64, previous: Option<&str>) -> Entry {
        let entry = Entry::new("b".to_owned(), true, Holder::default());
        Entry { base, previous: previous.map(str::to_owned), ..entry }
    }

    #[test]
    fn an_entry_counts_only_where_it_was_meant_to_stand() {
        let first = Entry { id: "a".to_owned(), ..entry(0, None) };
        let second = entry(1, Some("a"));
        assert!(first.counts(1, None) && !first.counts(2, None));
        assert!(second.counts(2, Some(&first)));
        // Somebody else was quicker, or the parameter was re-created meanwhile.
        assert!(!second.counts(3, Some(&first)));
        assert!(!second.counts(2, Some(&second)) && !second.counts(2, None));
    }

    #[test]
    fn the_longest_entry_fits_into_a_parameter() {
        let id = || "5c".repeat(20);
        let holder = Holder {
            session: "5c".repeat(16),
            verb: "bootstrap".to_owned(),
            who: "\u{1f512}".repeat(5000),
            since: u64::MAX,
            host: "\"\\\n".repeat(5000),
            pid: u32::MAX,
            process: Some("z".repeat(5000)),
            pipeline: Some("p".repeat(5000)),
        };
        let text = Entry::new(id(), true, holder.shortened()).after(u64::MAX, id()).to_json();
        assert!(text.len() < 4096, "{}", text.len());
        assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
    }

    #[test]
    fn what_is_no_lock_is_not_read_as_one() {
        let text = entry(1, Some("a")).to_json();
        assert_eq!(Entry::parse(&text), Some(entry(1, Some("a"))));
        assert_eq!(Entry::parse(&text.replace("\"lockstep_lock\":1", "\"lockstep_lock\":2")), None);
        assert_eq!(Entry::parse("hello"), None);
    }
}
