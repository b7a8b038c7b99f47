//! Describes the cause of a decision in words.

use super::{Asked, shown};
use crate::access::{Layer, Miss, NearMiss, Outcome, Reason, Says, Station, Stop, path};
use crate::stack::desired::Desired;

/// Number of names that are listed before the rest is counted.
const LISTED: usize = 3;

/// Returns the cause as one sentence without a full stop.
pub(super) fn sentence(asked: &Asked<'_>) -> String {
    let (who, key) = (asked.principal_shown(), asked.key_shown());
    let action = &asked.question.action;
    if asked.is_missing() {
        return format!("{who} does not exist, so it can do nothing");
    }
    let statements: Vec<String> = asked.decision.statements.iter().map(|one| cited(one)).collect();
    let by = statements.join("; ");
    match asked.decision.outcome {
        Outcome::Allow if !asked.seen.spec.enabled => {
            let state = super::state(&asked.seen.state);
            format!("{who} may {action} on {key} ({by}), but the key is {state}, so every use of it fails")
        }
        Outcome::Allow => format!("{who} may {action} on {key}: {by}"),
        Outcome::ExplicitDeny => format!("{who} may not {action} on {key}: {by} denies it"),
        Outcome::Unknown => {
            let unknown = asked.decision.unknowns.iter().cloned().collect::<Vec<_>>().join("; ");
            format!("whether {who} may {action} on {key} is not known: {unknown}")
        }
        Outcome::ImplicitDeny => format!("{who} may not {action} on {key}: {}", missing(asked)),
    }
}

/// Describes what is missing for the request to be allowed.
fn missing(asked: &Asked<'_>) -> String {
    let operation = asked.operation();
    let stations = path(&asked.caller, &asked.request, &asked.facts);
    match asked.decision.reason {
        Reason::NoIdentityAllow => {
            let left = match asked.caller.account == asked.facts.account {
                true => format!("the key policy leaves {operation} to IAM"),
                false => format!(
                    "a key of another account needs an IAM policy as well as its key policy for {operation}"
                ),
            };
            format!("{left}, and {}", by_identity(asked, &stations))
        }
        Reason::BoundaryNoAllow => format!("its permissions boundary does not allow {operation}"),
        Reason::SessionNoAllow => format!("the policies of the session do not allow {operation}"),
        Reason::ScpNoAllow => {
            format!("a service control policy of its organization does not allow {operation}")
        }
        Reason::CrossAccountOperation => format!("{operation} works only in the account of the key"),
        Reason::RetireGrantNotAuthorized => "the grant names others to retire it".to_owned(),
        _ => format!("{}; {}", by_key_policy(asked, &stations), without_effect(asked, &stations)),
    }
}

/// Describes why the key policy does not allow the caller.
fn by_key_policy(asked: &Asked<'_>, stations: &[Station]) -> String {
    let misses = misses_at(stations, Stop::Policy(Layer::KeyPolicy));
    let grant = misses_at(stations, Stop::Grants).first();
    let desired = asked.scene.desired;
    // A condition that fails explains more than a list of other misses, because its statement is meant for the caller.
    let telling = misses.iter().find(|one| matches!(one.because, Miss::Condition { .. }));
    if let Some(NearMiss { because, statement }) = telling.or(grant) {
        return format!("{} would allow it, but {}", cited(statement), miss(desired, because));
    }
    if let Some(NearMiss { because: Miss::Action { listed }, statement }) =
        misses.iter().find(|one| matches!(one.because, Miss::Action { .. }) && names_itself(asked, one))
    {
        return format!("the key policy names it for {} only ({})", listing(listed, 5), sid(statement));
    }
    let others: Vec<String> = misses
        .iter()
        .filter_map(|NearMiss { because, statement }| match because {
            Miss::Principal { named } => {
                let named: Vec<String> = named.iter().map(|arn| shown(desired, arn)).collect();
                Some(format!("{} names {}", sid(statement), listing(&named, LISTED)))
            }
            _ => None,
        })
        .take(LISTED)
        .collect();
    match others.is_empty() {
        true => "no statement of the key policy names it".to_owned(),
        false => format!("the key policy does not name it ({})", others.join("; ")),
    }
}

/// Returns whether a statement names the caller itself, and not only its account.
fn names_itself(asked: &Asked<'_>, miss: &NearMiss) -> bool {
    let statements = asked.facts.policy.known().map(|policy| policy.statements()).unwrap_or_default();
    let cited = sid(&miss.statement);
    statements.iter().any(|statement| {
        let crate::access::Clause::Is(principals) = &statement.principals else { return false };
        statement.sid.as_deref() == Some(cited)
            && principals.iter().any(|principal| principal.parts().1 == asked.caller.arn())
    })
}

/// Describes why the IAM policies of the caller have no effect.
fn without_effect(asked: &Asked<'_>, stations: &[Station]) -> String {
    let operation = asked.operation();
    let counts = format!("would not count, for the key policy does not leave {operation} to IAM");
    match says_at(stations, Stop::Policy(Layer::Identity)) {
        Some(Says::Allows) => {
            format!(
                "its IAM policies allow {operation}, but that does not count: the key policy does not leave it to IAM"
            )
        }
        Some(Says::Nothing) => format!("it has no IAM policy, and one {counts}"),
        Some(Says::Unknown(why)) => format!("its IAM policies are not known ({why}), and {counts}"),
        _ if misses_at(stations, Stop::Policy(Layer::Identity)).is_empty() => {
            format!("its IAM policies do not allow {operation}, and an allow there {counts}")
        }
        _ => format!("{}, and {counts}", by_identity(asked, stations)),
    }
}

/// Describes which policies of the caller are about KMS but do not contain the operation.
fn by_identity(asked: &Asked<'_>, stations: &[Station]) -> String {
    let operation = asked.operation();
    let misses = misses_at(stations, Stop::Policy(Layer::Identity));
    let mut about: Vec<String> = misses
        .iter()
        .map(|NearMiss { because, statement }| match because {
            Miss::Action { .. } => format!("{} has no {operation}", policy(statement)),
            other => {
                format!("{} would allow it, but {}", policy(statement), miss(asked.scene.desired, other))
            }
        })
        .collect();
    about.dedup();
    match about.is_empty() {
        true => format!("no IAM policy of it allows {operation}"),
        false => listing(&about, LISTED),
    }
}

fn misses_at(stations: &[Station], stop: Stop) -> &[NearMiss] {
    stations.iter().find(|station| station.stop == stop).map_or(&[], |station| &station.near_misses)
}

fn says_at(stations: &[Station], stop: Stop) -> Option<&Says> {
    stations.iter().find(|station| station.stop == stop).map(|station| &station.says)
}

/// Returns the name of a layer.
pub(super) const fn layer(stop: Stop) -> &'static str {
    match stop {
        Stop::Policy(Layer::KeyPolicy) => "key policy",
        Stop::Policy(Layer::Identity) => "IAM policies",
        Stop::Policy(Layer::Boundary) => "permissions boundary",
        Stop::Policy(Layer::Session) => "session policies",
        Stop::Policy(Layer::Scp) => "service control policies",
        Stop::Policy(Layer::Rcp) => "resource control policies",
        Stop::Grants => "grants",
    }
}

/// Returns the result of a layer in a few words.
pub(super) fn says(stop: Stop, says: &Says, is_allowed: bool) -> String {
    match (says, stop) {
        // Another layer is sufficient.
        (Says::Silent, _) if is_allowed => "does not allow, and need not".to_owned(),
        (Says::Nothing, Stop::Policy(Layer::Identity)) => "none attached".to_owned(),
        (Says::Nothing, _) => "none".to_owned(),
        (Says::Allows, _) => "allows".to_owned(),
        (Says::LeavesToAccount, _) => "leaves it to IAM policies".to_owned(),
        (Says::Silent, _) => "does not allow".to_owned(),
        (Says::Denies, _) => "denies".to_owned(),
        (Says::Unknown(why), _) => format!("not known: {why}"),
    }
}

/// Describes the one element that does not match.
pub(super) fn miss(desired: &Desired, miss: &Miss) -> String {
    match miss {
        Miss::Principal { named } => {
            let named: Vec<String> = named.iter().map(|arn| shown(desired, arn)).collect();
            format!("it names {}", listing(&named, LISTED))
        }
        Miss::Action { listed } => {
            let short: Vec<String> = listed
                .iter()
                .map(|action| action.strip_prefix("kms:").unwrap_or(action).to_owned())
                .collect();
            format!("it is about {}", listing(&short, 6))
        }
        other => other.to_string(),
    }
}

fn listing(items: &[String], most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let first: Vec<&str> = items.iter().take(most).map(String::as_str).collect();
    match (more, first.is_empty()) {
        (0, true) => "nobody".to_owned(),
        (0, false) => first.join(", "),
        _ => format!("{} and {more} more", first.join(", ")),
    }
}

/// Formats `key_policy:UseByEncrypt` as `UseByEncrypt of the key policy`.
pub fn cited(statement: &str) -> String {
    let Some((layer, rest)) = statement.split_once(':') else { return statement.to_owned() };
    match layer {
        "key_policy" => format!("{rest} of the key policy"),
        "identity" => match rest.rsplit_once('/') {
            Some((policy, sid)) => format!("{} of the policy {}", named(sid), last(policy)),
            None => rest.to_owned(),
        },
        "boundary" => format!("{} of the permissions boundary", named(rest)),
        "session" => format!("{} of the session policies", named(rest)),
        "scp" => format!("the service control policy {rest}"),
        "rcp" => format!("the resource control policy {rest}"),
        "grant" => format!("the grant {rest}"),
        _ => statement.to_owned(),
    }
}

fn named(sid: &str) -> String {
    match sid.strip_prefix('#').and_then(|index| index.parse::<usize>().ok()) {
        Some(index) => format!("statement {}", index + 1),
        None => sid.to_owned(),
    }
}

/// Returns the name of the policy that a statement of a principal belongs to.
fn policy(statement: &str) -> &str {
    let rest = statement.split_once(':').map_or(statement, |(_, rest)| rest);
    last(rest.rsplit_once('/').map_or(rest, |(policy, _)| policy))
}

/// Returns the text after the last slash: ARNs of managed policies end with their name.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn sid(statement: &str) -> &str {
    statement.split_once(':').map_or(statement, |(_, rest)| rest)
}
