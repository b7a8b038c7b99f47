//! What a stack claims about access beside what its functions use: its assertions, and its twins.

use std::collections::BTreeSet;

use super::checks::Blocked;
use super::prove::{caller, facts};
use crate::access::{Caller, Decision, KeyFacts, Outcome, Readable, Request, decide, key_actions};
use crate::kinds::{Kind, Name, ResourceId, World};
use crate::stack::desired::{Assertion, Desired};

/// Lists the claims that do not hold for certain in a world.
///
/// Grants are not known here: one that somebody else made on a key of the stack may still let a principal do
/// what it is said not to.
pub fn broken(desired: &Desired, world: &World) -> Vec<Blocked> {
    let assertions = desired.assertions.iter().filter_map(|assertion| asserted(desired, world, assertion));
    let twins = desired.twins.iter().flat_map(|(role, twin)| alike(desired, world, (role, twin)));
    assertions.chain(twins).collect()
}

/// Checks one assertion.
fn asserted(desired: &Desired, world: &World, assertion: &Assertion) -> Option<Blocked> {
    let Assertion { principal, actions, allowed, key, context, line } = assertion;
    let facts = facts(desired, key, world.keys.get(key)?);
    let caller = caller(world, principal);
    let decided = actions.iter().map(|action| {
        let request = Request::new(action, &caller, &facts).encryption_context(context.clone());
        (action.as_str(), decide(&caller, &request, &facts))
    });
    let wrong: Vec<(&str, Decision)> = decided.filter(|(_, decision)| !holds(decision, *allowed)).collect();
    let (_, first) = wrong.first()?;
    let word = if *allowed { "can" } else { "cannot" };
    let list: Vec<&str> = wrong.iter().map(|(action, _)| *action).collect();
    let who = shown(desired, principal);
    Some(Blocked {
        resource: ResourceId::new(Kind::Key, key),
        problem: format!(
            "the stack says that {who} {word} {}, and it comes out as {}",
            list.join(", "),
            why(first)
        ),
        remedy: "change what the stack gives, or the assertion".to_owned(),
        line: Some(line.clone()),
    })
}

/// Tells whether an outcome is the one that is asserted; what is unknown is neither allowed nor denied.
fn holds(decision: &Decision, allowed: bool) -> bool {
    match decision.outcome {
        Outcome::Allow => allowed,
        Outcome::ImplicitDeny | Outcome::ExplicitDeny => !allowed,
        Outcome::Unknown => false,
    }
}

fn why(decision: &Decision) -> String {
    let outcome = decision.outcome.as_str().replace('_', " ");
    let causes = if decision.outcome == Outcome::Unknown { &decision.unknowns } else { &decision.statements };
    match causes.is_empty() {
        true => outcome,
        false => format!("{outcome} ({})", causes.iter().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// Compares what two roles may do with every key, but for what the functions that run under them use.
fn alike(desired: &Desired, world: &World, (role, twin): (&Name, &Name)) -> Vec<Blocked> {
    let callers = [role, twin].map(|name| desired.roles.get(name).map(|spec| caller(world, &spec.arn)));
    let [Some(one), Some(other)] = callers else { return Vec::new() };
    let keys = desired.keys.iter().filter_map(|(name, want)| Some((name, want, world.keys.get(name)?)));
    keys.filter_map(|(name, want, seen)| {
        // The policy before the uses are added to it: those follow the functions.
        let policy = Readable::Known(want.spec.policy.clone());
        let facts = KeyFacts { policy, ..facts(desired, name, seen) };
        let outcome = |caller: &Caller, action: &str| {
            let request = Request::new(format!("kms:{action}"), caller, &facts);
            decide(caller, &request, &facts).outcome
        };
        let unlike: BTreeSet<&str> =
            key_actions().filter(|action| outcome(&one, action) != outcome(&other, action)).collect();
        (!unlike.is_empty()).then(|| Blocked {
            resource: ResourceId::new(Kind::Role, role),
            problem: format!(
                "it is a twin of {twin}, and they differ on keys.{name} in {}",
                unlike.into_iter().collect::<Vec<_>>().join(", ")
            ),
            remedy: format!("let `keys.{name}` name both of them or neither, or take `twin_of` out"),
            line: desired.line_of(&format!("roles.{role}.twin_of")).cloned(),
        })
    })
    .collect()
}

/// Names a role of the stack as the stack does.
fn shown(desired: &Desired, arn: &str) -> String {
    desired.role_by_arn(arn).map_or_else(|| arn.to_owned(), |name| format!("roles.{name}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::access::Statement;
    use crate::plan::small_worlds::fixtures::{ACCOUNT, empty, function, key, nothing, role, role_arn};
    use crate::plan::{after, plan};
    use crate::stack::desired::Line;

    /// The function `f` uses the key `k` as `one`, which has a twin.
    fn stack() -> Desired {
        let mut desired = empty();
        desired.keys.insert("k".into(), key());
        for name in ["one", "two"] {
            let mut spec = role(name);
            spec.managed.clear();
            desired.roles.insert(name.into(), spec);
        }
        desired.functions.insert("f".into(), function("f", "one", &["k"]));
        desired.twins.push(("two".into(), "one".into()));
        desired
    }

    fn problems(desired: &Desired) -> Vec<String> {
        let world = nothing();
        let world = after(&plan(desired, &world).unwrap(), desired, &world).unwrap();
        broken(desired, &world).into_iter().map(|blocked| blocked.problem).collect()
    }

    fn asserting(principal: &str, allowed: bool, action: &str) -> Vec<String> {
        let mut desired = stack();
        desired.assertions.push(Assertion {
            principal: principal.to_owned(),
            actions: BTreeSet::from([action.to_owned()]),
            allowed,
            key: "k".into(),
            context: BTreeMap::new(),
            line: Line { file: "stack.yaml".to_owned(), line: 1, column: 1 },
        });
        problems(&desired)
    }

    #[test]
    fn an_assertion_holds_or_says_what_comes_out() {
        let (one, two) = (role_arn("one"), role_arn("two"));
        let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/s-e-one/run");
        for (who, allowed, action) in [
            (&one, true, "kms:Encrypt"),
            (&one, false, "kms:Sign"),
            (&two, false, "kms:Encrypt"),
            (&session, true, "kms:Encrypt"),
        ] {
            assert_eq!(asserting(who, allowed, action), Vec::<String>::new());
        }
        assert_eq!(
            asserting(&one, false, "kms:Encrypt"),
            [
                "the stack says that roles.one cannot kms:Encrypt, and it comes out as allow (key_policy:UseByF)"
            ]
        );
        assert_eq!(
            asserting(&two, true, "kms:Encrypt"),
            ["the stack says that roles.two can kms:Encrypt, and it comes out as implicit deny"]
        );
    }

    #[test]
    fn what_is_unknown_is_neither_allowed_nor_denied() {
        // The account's administration is open to whom an IAM policy lets, and this user's are not known.
        let user = format!("arn:aws:iam::{ACCOUNT}:user/alice");
        for allowed in [true, false] {
            let found = asserting(&user, allowed, "kms:PutKeyPolicy");
            assert!(found.iter().all(|problem| problem.contains("unknown")) && found.len() == 1, "{found:?}");
        }
        // No IAM policy decides about use.
        assert_eq!(asserting(&user, false, "kms:Encrypt"), Vec::<String>::new());
    }

    #[test]
    fn twins_differ_only_in_what_their_functions_use() {
        let mut desired = stack();
        assert_eq!(problems(&desired), Vec::<String>::new());
        let extra =
            Statement::allow("Extra").principal_aws([role_arn("two")]).actions(["kms:Sign"]).resource("*");
        let key = &mut desired.keys.get_mut(&Name::from("k")).unwrap().spec;
        key.policy =
            crate::access::PolicyDocument::new(key.policy.statements().iter().cloned().chain([extra]));
        assert_eq!(problems(&desired), ["it is a twin of one, and they differ on keys.k in Sign"]);
    }
}
