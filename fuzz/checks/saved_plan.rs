//! Reads a saved plan, and compares it with the plan that it was saved from.
//!
//! Input that begins with `edit ` is a list of edits of the genuine file, four bytes each; all other input is a
//! file.

use std::sync::OnceLock;

use lockstep::kinds::World;
use lockstep::plan::saved::{Made, Saved};
use lockstep::plan::{Plan, plan};
use lockstep::report::{self, PlanView};
use lockstep::stack::desired::Desired;
use serde_json::Value;

use super::world::{desired, drives};

/// Prefix of a list of edits.
const EDITS: &[u8] = b"edit ";

/// A plan and the file that it was saved to.
pub struct Genuine {
    desired: Desired,
    world: World,
    saved: Saved,
    /// The file.
    pub text: String,
}

/// Returns the plan that these checks start from.
pub fn genuine() -> &'static Genuine {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let (desired, world) = (desired(), World::default());
        let (plan, view) = planned(&desired, &world);
        let unproved = Some((REASON, &(REASON, FINDINGS)));
        let made =
            Made { desired: &desired, world: &world, read_at: Some(1), plan: &plan, unproved, view: &view };
        let text = Saved::new(made, false).text().expect("it can be written");
        let saved = Saved::parse(&text).expect("it can be read");
        Genuine { desired, world, saved, text }
    })
}

/// The reason for applying the plan; the claims that could not be proved are saved with it.
const REASON: &str = "a test";
const FINDINGS: [&str; 1] = ["nothing is proved"];

fn planned(desired: &Desired, world: &World) -> (Plan, Value) {
    let plan = plan(desired, world).expect("nothing blocks it");
    let view = PlanView { desired, world, plan: &plan, access: &[], unproved: None };
    let view = serde_json::to_value(report::plan::document(&view)).expect("a document is JSON");
    (plan, view)
}

/// Checks one file, or one list of edits.
pub fn check(data: &[u8]) {
    let bytes = match data.strip_prefix(EDITS) {
        Some(edits) => edited(edits),
        None => data.to_vec(),
    };
    if let Ok(text) = std::str::from_utf8(&bytes) {
        check_text(text);
    }
}

/// Applies edits, each of which is a place, an operation and a byte.
fn edited(edits: &[u8]) -> Vec<u8> {
    let mut bytes = genuine().text.clone().into_bytes();
    for edit in edits.chunks_exact(4) {
        let place = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % bytes.len().max(1);
        match edit[2] % 4 {
            0 if !bytes.is_empty() => bytes[place] = edit[3],
            1 => bytes.insert(place, edit[3]),
            2 if !bytes.is_empty() => drop(bytes.remove(place)),
            3 if !bytes.is_empty() => bytes[place] ^= 1 << (edit[3] % 8),
            _ => {}
        }
    }
    bytes
}

/// Follows the steps of `apply FILE`, and returns whether the file is accepted.
pub fn check_text(text: &str) -> bool {
    let genuine = genuine();
    let Ok(saved) = Saved::parse(text) else { return false };
    let again = Saved::parse(&saved.text().expect("it can be written")).expect("what was written is read");
    let desired = if saved.destroys() { genuine.desired.emptied() } else { genuine.desired.clone() };
    if let Some(elsewhere) = saved.misplaced(&genuine.desired) {
        assert!(!drives(&elsewhere));
        return false;
    }
    let moved = saved.moved(&genuine.world);
    assert!(!moved.iter().any(|what| drives(&what.text())));
    if !moved.is_empty() || saved.outdated(&desired, &genuine.world).is_some() {
        return false;
    }
    let (plan, view) = planned(&desired, &genuine.world);
    // A plan with unproved claims is not applied without a reason.
    let Some(reason) = saved.allow_unproved() else { return false };
    let unproved = Some((reason, &(reason, FINDINGS)));
    let made = Made {
        desired: &desired,
        world: &genuine.world,
        read_at: Some(2),
        plan: &plan,
        unproved,
        view: &view,
    };
    if !saved.unlike(made).is_empty() {
        return false;
    }
    // An accepted plan must have the same JSON and the same text as the genuine one.
    let same = |saved: &Saved| {
        let mut value = serde_json::to_value(saved).expect("it is JSON");
        value["format_version"] = "1.0".into();
        // Decides only since when changes are looked up.
        value["read_at"] = 0.into();
        value
    };
    assert_eq!(same(&saved), same(&genuine.saved));
    assert_eq!(same(&again), same(&genuine.saved));
    true
}
