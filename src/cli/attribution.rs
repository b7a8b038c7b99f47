//! Finds out who changed the resources that a plan was made from, as far as CloudTrail shows it within a few seconds.

use std::time::Duration;

use lockstep::aws::{Trail, changes};
use lockstep::kinds::{ResourceId, World};
use lockstep::lock;
use lockstep::plan::final_target;
use lockstep::plan::saved::Moved;
use tokio::time::{Instant, timeout_at};

use super::session::Session;

/// The longest time that a user waits for the lookups.
const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum number of resources that are looked up: CloudTrail allows two calls per second.
const RESOURCES: usize = 4;
/// Maximum number of events that are shown for each resource.
const SHOWN: usize = 3;

/// Returns, for each resource that changed, who changed it, under its name, and why the list is not complete.
///
/// It never fails: an event that cannot be read is reported in one line.
pub async fn attributed(
    session: &Session,
    world: &World,
    moved: &[Moved],
    since: Option<u64>,
) -> (Vec<String>, Option<String>) {
    let mut lines = Vec::new();
    let mut remark = None;
    let end = Instant::now() + PATIENCE;
    let (mut silent, mut looked) = (false, 0);
    for moved in moved {
        lines.push(format!("  - {}", moved.text()));
        let Some(since) = since.filter(|_| remark.is_none()) else { continue };
        let (names, global) = names(session, world, &moved.address);
        if names.is_empty() {
            continue;
        }
        if looked == RESOURCES {
            remark = Some(format!("CloudTrail was asked about the first {RESOURCES} of them only"));
            continue;
        }
        looked += 1;
        match timeout_at(end, changes(&session.engine.aws, &names, global, since)).await {
            Ok(Ok(trail)) => {
                silent |= trail.events.is_empty() && !trail.more;
                lines.extend(event_lines(&trail));
            }
            Ok(Err(error)) if error.is_denied() => {
                remark = Some(
                    "could not determine who made the change: allow `cloudtrail:LookupEvents`".to_owned(),
                );
            }
            Ok(Err(error)) => {
                remark = Some(format!(
                    "could not determine who made the change: CloudTrail could not be read ({}); it takes \
                     `cloudtrail:LookupEvents`",
                    error.reason()
                ));
            }
            Err(_) => {
                let patience = lock::span(PATIENCE);
                remark = Some(format!(
                    "could not determine who made the change: CloudTrail did not answer within {patience}"
                ));
            }
        }
    }
    if silent && remark.is_none() {
        remark = Some(
            "CloudTrail may name who did it later: its events arrive up to about 15 minutes late".to_owned(),
        );
    }
    (lines, remark)
}

fn event_lines(trail: &Trail) -> Vec<String> {
    let Trail { events, more } = trail;
    let mut lines: Vec<String> = events
        .iter()
        .take(SHOWN)
        .map(|event| {
            let date = lock::date(event.at);
            format!("      {} by {} at {date} (CloudTrail)", event.operation, event.by)
        })
        .collect();
    let left = events.len().saturating_sub(SHOWN);
    if left > 0 {
        lines.push(format!("      and {left} changes before"));
    }
    match (events.is_empty(), more) {
        (true, false) => {
            lines.push("      no change of it is in CloudTrail since the plan was made".to_owned())
        }
        // Uses of a key are recorded as well as changes.
        (true, true) => lines.push(
            "      no change of it is among its newest events in CloudTrail, and older ones were not read"
                .to_owned(),
        ),
        (false, true) => lines.push("      CloudTrail has more events than were read".to_owned()),
        (false, false) => {}
    }
    lines
}

/// Returns the names that CloudTrail may record for a resource, and whether its service is global.
fn names(session: &Session, world: &World, address: &str) -> (Vec<String>, bool) {
    let Some(resource) = ResourceId::parse(address) else { return (Vec::new(), false) };
    let target = final_target(&session.engine.desired, world);
    (world.trail_names(&target, &resource), resource.kind.is_global())
}
