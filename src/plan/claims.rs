//! Claims of a stack about access, apart from the uses by its functions: its assertions and its twins.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::Blocked;
use super::parity::{self, Difference, Side, Subject};
use super::prove::AccessContext;
use crate::access::{Decision, KeyFacts, Outcome, PolicyDocument, Readable, Request, Statement, decide};
use crate::kinds::{Kind, Name, ResourceId};
use crate::stack::desired::{Assertion, Desired, use_sid};

/// Maximum number of actions and objects that are listed for one difference; the rest are only counted.
const MAX_LISTED: usize = 5;

/// Lists the claims that do not certainly hold in a world.
pub fn broken(scene: AccessContext<'_>) -> Vec<Blocked> {
    let mut broken = assertions(scene);
    broken.extend(twins(scene));
    broken
}

/// Lists the assertions that do not certainly hold in a world.
pub fn assertions(scene: AccessContext<'_>) -> Vec<Blocked> {
    scene.desired.assertions.iter().filter_map(|assertion| asserted(scene, assertion)).collect()
}

/// Lists the twins that are not known to be equivalent in a world. They need not be equivalent while a plan is running,
/// because a role loses permissions only in the last phase.
pub fn twins(scene: AccessContext<'_>) -> Vec<Blocked> {
    scene.desired.twins.iter().filter_map(|(role, twin)| alike(scene, role, twin)).collect()
}

/// Checks one assertion. Nobody can use a key that does not exist, and it is created together with its policy.
fn asserted(scene: AccessContext<'_>, assertion: &Assertion) -> Option<Blocked> {
    let Assertion { principal, actions, allowed, key, context, when, line } = assertion;
    let facts = scene.key(key, scene.world.keys.get(key)?);
    let caller = scene.caller(principal);
    let decided = actions.iter().map(|action| {
        let mut request = Request::new(action, &caller, &facts).encryption_context(context.clone());
        for (name, value) in when {
            request.context.set(name, value);
        }
        (action.as_str(), decide(&caller, &request, &facts))
    });
    let wrong: Vec<(&str, Decision)> = decided.filter(|(_, decision)| !holds(decision, *allowed)).collect();
    let (_, first) = wrong.first()?;
    let word = if *allowed { "can" } else { "cannot" };
    let list: Vec<&str> = wrong.iter().map(|(action, _)| *action).collect();
    let who = shown(scene.desired, principal);
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

/// Returns whether an outcome matches the assertion; an unknown outcome counts as neither allowed nor denied.
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

/// Compares the permissions of a role and its twin, apart from those that the functions running under them use.
fn alike(scene: AccessContext<'_>, role: &Name, twin: &Name) -> Option<Blocked> {
    let (one, other) = (declared(scene, role)?, declared(scene, twin)?);
    let differences = parity::differences(&one, &other);
    let sentences: Vec<String> =
        differences.iter().map(|difference| sentence(difference, role, twin)).collect();
    (!sentences.is_empty()).then(|| Blocked {
        resource: ResourceId::new(Kind::Role, role),
        problem: format!("it is a twin of {twin}, and they differ: {}", sentences.join("; ")),
        remedy: "give both of them what one has, or neither; or take `twin_of` out".to_owned(),
        line: scene.desired.line_of(&format!("roles.{role}.twin_of")).cloned(),
    })
}

/// Returns a role of the stack with the key policies as they are before the uses are added, because the uses follow the
/// functions.
fn declared(scene: AccessContext<'_>, role: &Name) -> Option<Subject> {
    let spec = scene.desired.roles.get(role)?;
    let policy =
        |name: &Name, _: &PolicyDocument| scene.desired.keys.get(name).map(|want| want.spec.policy.clone());
    scene.world.roles.contains_key(role).then(|| subject(scene, role.as_str(), &spec.arn, policy))
}

/// Returns a role inside or outside the stack as it is in the world. The uses of functions are omitted unless
/// `with_uses` is set, because a use belongs to the function, whichever of two roles the function runs under.
pub fn seen(scene: AccessContext<'_>, (name, arn): (&str, &str), with_uses: bool) -> Subject {
    let sids: BTreeSet<String> = scene.desired.functions.keys().map(use_sid).collect();
    let policy = |_: &Name, policy: &PolicyDocument| {
        let is_use = |statement: &&Statement| {
            !with_uses && statement.sid.as_ref().is_some_and(|sid| sids.contains(sid))
        };
        let left = policy.statements().iter().filter(|statement| !is_use(statement)).cloned();
        let mut rest = PolicyDocument::new(left);
        rest.version = policy.version;
        Some(rest)
    };
    subject(scene, name, arn, policy)
}

fn subject(
    scene: AccessContext<'_>,
    name: &str,
    arn: &str,
    policy: impl Fn(&Name, &PolicyDocument) -> Option<PolicyDocument>,
) -> Subject {
    let AccessContext { desired, world, evidence: _ } = scene;
    let keys = world.keys.iter().filter_map(|(name, seen)| {
        let facts = scene.key(name, seen);
        let policy = match &facts.policy {
            Readable::Known(has) => Readable::Known(policy(name, has)?),
            unread @ Readable::Unknown { .. } => unread.clone(),
        };
        Some((name.clone(), KeyFacts { policy, ..facts }))
    });
    let keys: BTreeMap<Name, KeyFacts> = keys.collect();
    Subject {
        name: name.to_owned(),
        caller: scene.caller(arn),
        trust: world.roles.values().find(|role| role.spec.arn == arn).map(|role| role.spec.trust.clone()),
        names: parity::names(desired, &keys),
        keys,
    }
}

/// Describes a difference from the point of view of the role.
fn sentence(difference: &Difference, role: &Name, twin: &Name) -> String {
    let Difference { side, subject, actions, objects, conditions, note } = difference;
    let (who, other) = match side {
        Side::One => (role, twin),
        Side::Other => (twin, role),
    };
    if actions.is_empty() {
        return format!("{who}, {subject}: {note}");
    }
    let actions = few(&actions.iter().cloned().collect::<Vec<_>>());
    let objects = if objects.is_empty() { subject.clone() } else { few(objects) };
    let when =
        if conditions.is_empty() { String::new() } else { format!(" when {}", conditions.join(" and ")) };
    let place = if subject.starts_with("keys.") { String::new() } else { format!(" ({subject})") };
    let note = if note.starts_with("unknown") { format!(" ({note})") } else { String::new() };
    format!("{who} may {actions} on {objects}{when}{place}{note}, {other} may not")
}

fn few(items: &[String]) -> String {
    let first = items.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(MAX_LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Returns the name of a role in the stack, or its ARN.
fn shown(desired: &Desired, arn: &str) -> String {
    desired.role_by_arn(arn).map_or_else(|| arn.to_owned(), |name| format!("roles.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::prove::Evidence;
    use crate::plan::small_worlds::fixtures::{ACCOUNT, empty, function, key, nothing, role, role_arn};
    use crate::plan::{after, plan};
    use crate::stack::desired::Line;

    /// Returns a stack in which the function `f` uses the key `k` under the role `one`, which has a twin.
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
        let evidence = Evidence::default();
        let scene = AccessContext { desired, world: &world, evidence: &evidence };
        broken(scene).into_iter().map(|blocked| blocked.problem).collect()
    }

    fn asserting(principal: &str, allowed: bool, action: &str) -> Vec<String> {
        let mut desired = stack();
        desired.assertions.push(Assertion {
            principal: principal.to_owned(),
            actions: BTreeSet::from([action.to_owned()]),
            allowed,
            key: "k".into(),
            context: BTreeMap::new(),
            when: BTreeMap::new(),
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
        // The account's administrative access is open to principals that an IAM policy allows, and this user's policies
        // are unknown.
        let user = format!("arn:aws:iam::{ACCOUNT}:user/alice");
        for allowed in [true, false] {
            let found = asserting(&user, allowed, "kms:PutKeyPolicy");
            assert!(found.iter().all(|problem| problem.contains("unknown")) && found.len() == 1, "{found:?}");
        }
        // IAM policies do not decide about use of the key.
        assert_eq!(asserting(&user, false, "kms:Encrypt"), Vec::<String>::new());
    }

    #[test]
    fn twins_differ_only_in_what_their_functions_use() {
        let mut desired = stack();
        assert_eq!(problems(&desired), Vec::<String>::new());
        let extra =
            Statement::allow("Extra").principal_aws([role_arn("two")]).actions(["kms:Sign"]).resource("*");
        let key = &mut desired.keys.get_mut(&Name::from("k")).unwrap().spec;
        key.policy = PolicyDocument::new(key.policy.statements().iter().cloned().chain([extra]));
        assert_eq!(
            problems(&desired),
            ["it is a twin of one, and they differ: two may kms:Sign on keys.k, one may not"]
        );
    }
}
