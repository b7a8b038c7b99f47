//! Descriptions of the progress of a plan.

use super::plan::probe_requests;
use crate::kinds::Name;
use crate::plan::{Phase, Purpose, Step};
use crate::stack::desired::Probe;

/// Describes a step: `keys.text: put policy`.
pub fn doing(step: &Step) -> String {
    let call = super::plan::call(step).unwrap_or_default();
    let mut words = String::new();
    for letter in call.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    format!("{}: {words}{}", step.resource, subject(step))
}

/// Returns the name of the part of the resource that a step changes.
fn subject(step: &Step) -> String {
    let op = serde_json::to_value(&step.op).unwrap_or_default();
    let named = ["part", "alias", "policy", "sid", "stage", "plan", "key", "arn"].iter().find_map(|field| {
        let value = op.get("op")?.get(*field)?;
        value.as_str().map(|name| format!(" {name}"))
    });
    named.unwrap_or_default()
}

/// Returns the heading of a phase.
pub fn phase(number: usize, phase: &Phase) -> String {
    let purpose = match phase.purpose {
        Purpose::Widen => "widen",
        Purpose::Return => "return",
        Purpose::Narrow => "narrow",
    };
    format!("phase {}  {purpose}", number + 1)
}

/// Describes the requests of a probe: `POST /encrypt then POST /decrypt, until 3 in a row succeed`.
pub fn probe(function: &Name, probe: &Probe) -> String {
    format!("{}, until {} in a row succeed", probe_requests(function, probe).join(" then "), probe.successes)
}
