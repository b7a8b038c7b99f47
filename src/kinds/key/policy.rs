//! Reads and combines key policies for the planner.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{Clause, Effect, PolicyDocument, Principal, Statement};

/// Lists the ARNs that a policy names as principals: users, roles and sessions, not accounts or services.
pub fn named_arns(policy: &PolicyDocument) -> BTreeSet<&str> {
    let arns = principals(policy).filter_map(|principal| match principal {
        Principal::Arn(arn) => Some(arn.as_str()),
        _ => None,
    });
    arns.collect()
}

/// Lists the unique IDs of deleted principals that a policy still names.
pub fn dead_ids(policy: &PolicyDocument) -> BTreeSet<&str> {
    let ids = principals(policy).filter_map(|principal| match principal {
        Principal::UniqueId(id) => Some(id.as_str()),
        _ => None,
    });
    ids.collect()
}

fn principals(policy: &PolicyDocument) -> impl Iterator<Item = &Principal> {
    let clauses = policy.statements().iter().filter_map(|statement| match &statement.principals {
        Clause::Is(principals) | Clause::IsNot(principals) => Some(principals),
        Clause::Absent => None,
    });
    clauses.flatten()
}

/// Returns whether a policy allows a service whose name starts with `prefix` any use of the key.
pub fn allows_service(policy: &PolicyDocument, prefix: &str) -> bool {
    policy.statements().iter().any(|statement| match &statement.principals {
        Clause::Is(principals) => {
            let service = |principal: &Principal| matches!(principal, Principal::Service(name) if name.starts_with(prefix));
            statement.effect == Effect::Allow && principals.iter().any(service)
        }
        Clause::IsNot(_) | Clause::Absent => false,
    })
}

/// Replaces the ARN of a deleted principal by the ID that remains, as KMS does.
pub fn replace_arn_with_unique_id(policy: &mut PolicyDocument, arn: &str, id: &str) {
    if !named_arns(policy).contains(arn) {
        return;
    }
    rename(policy, |principal| match principal {
        Principal::Arn(named) if named == arn => Principal::UniqueId(id.to_owned()),
        other => other.clone(),
    });
}

/// Replaces the IDs of principals that exist by their ARNs.
pub fn restore_arns_from_unique_ids(policy: &mut PolicyDocument, living: &BTreeMap<String, String>) {
    if !dead_ids(policy).into_iter().any(|id| living.contains_key(id)) {
        return;
    }
    rename(policy, |principal| match principal {
        Principal::UniqueId(id) => {
            living.get(id).map_or_else(|| principal.clone(), |arn| Principal::Arn(arn.clone()))
        }
        other => other.clone(),
    });
}

fn rename(policy: &mut PolicyDocument, renamed: impl Fn(&Principal) -> Principal) {
    let statements = policy.statements().iter().map(|statement| {
        let principals = match &statement.principals {
            Clause::Is(all) => Clause::Is(all.iter().map(&renamed).collect()),
            Clause::IsNot(all) => Clause::IsNot(all.iter().map(&renamed).collect()),
            Clause::Absent => Clause::Absent,
        };
        Statement { principals, ..statement.clone() }
    });
    let mut shown = PolicyDocument::new(statements);
    shown.version = policy.version;
    shown.id.clone_from(&policy.id);
    *policy = shown;
}

/// Combines two policies into one that allows everything that either of them allows, and denies only what both deny.
///
/// Principals for which `exists` is false are omitted from the statements taken from `seen`, because KMS refuses a
/// policy that names them.
pub fn widened(
    want: &PolicyDocument,
    seen: &PolicyDocument,
    exists: impl Fn(&Principal) -> bool,
) -> PolicyDocument {
    let mut statements: Vec<Statement> = Vec::new();
    for statement in want.statements() {
        if statement.effect == Effect::Allow || seen.statements().contains(statement) {
            statements.push(statement.clone());
        }
    }
    let kept = seen.statements().iter().filter(|statement| statement.effect == Effect::Allow);
    for statement in kept.filter_map(|statement| alive(statement, &exists)) {
        keep(&mut statements, statement);
    }
    let mut union = PolicyDocument::new(statements);
    union.version = want.version;
    union.id.clone_from(&want.id);
    // Purely formal differences are left to the last step, so that a policy is put once and not twice.
    if union.statements().len() == seen.statements().len()
        && union.statements().iter().all(|statement| seen.statements().contains(statement))
    {
        return seen.clone();
    }
    union
}

/// Removes principals that are gone; returns `None` for a statement that named only such principals.
fn alive(statement: &Statement, exists: impl Fn(&Principal) -> bool) -> Option<Statement> {
    let Clause::Is(principals) = &statement.principals else { return Some(statement.clone()) };
    let principals: BTreeSet<Principal> =
        principals.iter().filter(|&principal| exists(principal)).cloned().collect();
    (!principals.is_empty()).then(|| Statement { principals: Clause::Is(principals), ..statement.clone() })
}

/// Adds a statement: merges it with the one of the same `Sid` if they differ only in principals, otherwise adds it
/// under a new `Sid`.
fn keep(statements: &mut Vec<Statement>, mut kept: Statement) {
    if statements.contains(&kept) {
        return;
    }
    let Some(namesake) =
        statements.iter_mut().find(|statement| statement.sid == kept.sid && kept.sid.is_some())
    else {
        statements.push(kept);
        return;
    };
    let alike = Statement { principals: kept.principals.clone(), ..namesake.clone() } == kept;
    if let (true, Clause::Is(all), Clause::Is(more)) = (alike, &mut namesake.principals, &kept.principals) {
        all.extend(more.iter().cloned());
        return;
    }
    kept.sid = kept.sid.map(|sid| format!("{sid}Kept"));
    keep(statements, kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sid: &str, role: &str, action: &str) -> Statement {
        let arn = format!("arn:aws:iam::111122223333:role/{role}");
        Statement::allow(sid).principal_aws([arn]).actions([action]).resource("*")
    }

    fn policy(statements: impl IntoIterator<Item = Statement>) -> PolicyDocument {
        PolicyDocument::new(statements)
    }

    #[test]
    fn a_swap_merges_the_principals_of_one_statement() {
        let old = policy([statement("Use", "test", "kms:Decrypt")]);
        let new = policy([statement("Use", "prod", "kms:Decrypt")]);
        let both = widened(&new, &old, |_| true);
        assert_eq!(both.statements().len(), 1);
        assert_eq!(named_arns(&both).len(), 2);
        assert_eq!(widened(&new, &both, |_| true), both, "widening twice changes nothing");
    }

    #[test]
    fn other_actions_under_the_same_sid_are_kept_apart() {
        let old = policy([statement("Use", "test", "kms:Decrypt")]);
        let new = policy([statement("Use", "test", "kms:Encrypt")]);
        let both = widened(&new, &old, |_| true);
        let sids: Vec<_> =
            both.statements().iter().filter_map(|statement| statement.sid.as_deref()).collect();
        assert_eq!(sids, ["Use", "UseKept"]);
        assert_eq!(widened(&new, &both, |_| true), both);
    }

    #[test]
    fn gone_principals_are_not_taken_over() {
        let dead = Principal::UniqueId("AROAEXAMPLE".to_owned());
        let mut old = statement("Use", "test", "kms:Decrypt");
        old.principals = Clause::Is(BTreeSet::from([dead]));
        let new = policy([statement("Use", "prod", "kms:Decrypt")]);
        let both = widened(&new, &policy([old]), |principal| !matches!(principal, Principal::UniqueId(_)));
        assert_eq!(both, new);
    }

    #[test]
    fn a_deny_that_is_new_waits_and_one_that_goes_is_dropped_at_once() {
        let deny =
            |sid: &str| Statement::deny(sid).principal_aws(["*"]).actions(["kms:Decrypt"]).resource("*");
        let both = widened(&policy([deny("New")]), &policy([deny("Old")]), |_| true);
        assert!(both.statements().is_empty());
    }
}
