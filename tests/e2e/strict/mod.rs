//! The stack on an AWS that enforces its rules, with every failure that a call can have.
//!
//! `docs/reliability.md` contains the promises, and the matrices that these scenarios fill.

mod adopted;
mod crashes;
mod delays;
mod edited;
mod faults;
mod recreated;
mod states;

use std::time::Duration;

use crate::support::{Inventory, Project, Rules};

const BOOTSTRAP: [&str; 2] = ["bootstrap", "--auto-approve"];
const APPLY: [&str; 2] = ["apply", "--auto-approve"];
const DESTROY: [&str; 2] = ["destroy", "--auto-approve"];
const ROLES: [&str; 2] = ["encrypt-test", "encrypt-prod"];

/// Returns the duration of a time of AWS in the scenarios: one second stands for a minute.
const fn scaled(seconds_of_aws: u64) -> Duration {
    Duration::from_millis(seconds_of_aws * 1000 / 60)
}

/// The time that a changed key policy is waited for: the two minutes of the promise.
const SETTLE: u64 = scaled(120).as_secs();

/// Rules in which every change takes time.
const RULES: Rules = Rules {
    principals: scaled(72),
    policies: scaled(90),
    reads: scaled(24),
    updates: scaled(42),
    rates: Duration::ZERO,
    settle: SETTLE,
};

/// The numbers of resources that a complete stack has.
const WHOLE: [(&str, usize); 7] = [
    ("key", 2),
    ("alias", 2),
    ("role", 3),
    ("function", 2),
    ("log group", 2),
    ("api", 1),
    ("key-for-callers", 0),
];

/// Asserts that there is one of each resource and no change to make, and that the API works.
async fn is_whole(project: &Project) {
    // Waits until every read shows the last change.
    tokio::time::sleep(project.rules().rules.reads).await;
    project.is_settled().await;
    project.round_trip("hello").await;
    let found = Inventory::take(&project.sdk).await;
    has(&found, &WHOLE);
    // Some are kept for a rollback, but none was created twice.
    assert!(found.count("deployment") > 0 && found.differ("deployment"), "{found:#?}");
    project.rules().has_no_gap();
}

/// Asserts that nothing is left except keys that are scheduled for deletion.
async fn is_gone(project: &Project) {
    tokio::time::sleep(project.rules().rules.reads).await;
    project.run(&["plan", "--destroy"]).await.ok().says("No changes");
    let found = Inventory::take(&project.sdk).await;
    let none = WHOLE.map(|(kind, _)| (kind, 0));
    has(&found.only(|name| !name.starts_with("key ")), &none);
    assert_eq!(found.count("deployment"), 0);
    let keys = found.only(|name| name.starts_with("key ") && name.split(' ').count() == 2);
    assert!(keys.all_say("PendingDeletion"), "{keys:#?}");
    project.rules().has_no_gap();
}

#[track_caller]
fn has(found: &Inventory, counts: &[(&str, usize)]) {
    let is: Vec<(&str, usize)> = counts.iter().map(|(kind, _)| (*kind, found.count(kind))).collect();
    assert_eq!(is, counts, "{:#?}", found.names());
}

/// Changes a large part of the stack: function, key, stage, and an authorizer, which requires a new deployment.
fn update(project: &mut Project, back: bool) {
    let edits = [
        ("ttl: 300s", "ttl: 200s"),
        ("rate: 50", "rate: 40"),
        ("rotation: 365d", "rotation: 180d"),
        ("Encrypts the texts", "Encrypts texts"),
        ("TOKEN_ISSUER: lockstep\n", "TOKEN_ISSUER: lockstep\n      EXTRA: more\n"),
    ];
    for (before, after) in edits {
        if back { project.edit(after, before) } else { project.edit(before, after) }
    }
}
