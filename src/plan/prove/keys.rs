//! Proof that a key can still be managed: by the principal that puts its policy now, and by someone permanently.

use super::AccessContext;
use crate::access::{Decision, Outcome, PolicyDocument, Request, decide};
use crate::kinds::{Kind, Name, ResourceId, key};
use crate::plan::checks::Blocked;
use crate::stack::desired::Desired;

/// The action without which a key policy can never be repaired.
const PUT: &str = "kms:PutKeyPolicy";

/// Returns whether a key policy allows the account itself to put another one.
pub(super) fn left_to_account(policy: &PolicyDocument, desired: &Desired) -> bool {
    let place = &desired.place;
    let root = crate::access::Caller::new(
        crate::access::CallerKind::Root { arn: root(desired) },
        place.account.as_str(),
    );
    let arn = format!("arn:{}:kms:{}:{}:key/any", place.partition, place.region, place.account);
    let facts = crate::access::KeyFacts::new(arn, policy.clone());
    decide(&root, &Request::new(PUT, &root, &facts), &facts).is_allow()
}

/// Checks that the caller could put the next key policy too, because KMS refuses a policy that locks its caller out.
///
/// Source: KMS API reference, `BypassPolicyLockoutSafetyCheck` of PutKeyPolicy and CreateKey.
pub(super) fn locked_out(
    scene: AccessContext<'_>,
    (name, key): (&Name, &key::Seen),
    applier: &str,
) -> Option<Blocked> {
    let decision = may_put(scene, (name, key), applier);
    let why = match decision.outcome {
        Outcome::Allow => return None,
        Outcome::Unknown => {
            format!("is not known: {}", decision.unknowns.iter().cloned().collect::<Vec<_>>().join("; "))
        }
        Outcome::ImplicitDeny | Outcome::ExplicitDeny => {
            format!("comes out as {}", decision.outcome.as_str().replace('_', " "))
        }
    };
    Some(Blocked {
        resource: ResourceId::new(Kind::Key, name),
        problem: format!(
            "whether {applier} may put the next key policy {why}; KMS refuses a policy that locks out who puts it"
        ),
        remedy: format!(
            "name the caller, or a role that it runs as, under `administrators`; or keep `iam_delegation: administer` \
             and let IAM allow it {PUT}"
        ),
        line: line(scene.desired, name),
    })
}

/// Lists the keys for which no principal that will still exist is proved to be able to change the policy.
pub(super) fn unmanageable(scene: AccessContext<'_>) -> Vec<Blocked> {
    let AccessContext { desired, world, evidence: _ } = scene;
    let wanted = desired.keys.keys().filter_map(|name| Some((name, world.keys.get(name)?)));
    let alone = wanted.filter(|(name, key)| !is_manageable(scene, (name, key)));
    let blocked = alone.map(|(name, _)| Blocked {
        resource: ResourceId::new(Kind::Key, name),
        problem: format!(
            "nobody who is known to exist after the apply is proved to be allowed {PUT}: the key could never be managed again"
        ),
        remedy: "name an administrator that exists and that lockstep may look at, or set `iam_delegation: administer`"
            .to_owned(),
        line: line(desired, name),
    });
    blocked.collect()
}

fn is_manageable(scene: AccessContext<'_>, (name, key): (&Name, &key::Seen)) -> bool {
    let root = root(scene.desired);
    let named = super::named_directly(&key.spec.policy).filter(|arn| scene.exists(arn));
    std::iter::once(root).chain(named).any(|arn| may_put(scene, (name, key), &arn).is_allow())
}

fn may_put(scene: AccessContext<'_>, (name, key): (&Name, &key::Seen), arn: &str) -> Decision {
    let (caller, facts) = (scene.caller(arn), scene.key(name, key));
    let mut request = Request::new(PUT, &caller, &facts);
    request.context.set("kms:BypassPolicyLockoutSafetyCheck", "false");
    decide(&caller, &request, &facts)
}

fn root(desired: &Desired) -> String {
    format!("arn:{}:iam::{}:root", desired.place.partition, desired.place.account)
}

fn line(desired: &Desired, name: &Name) -> Option<crate::stack::desired::Line> {
    let fields = ["administrators", "iam_delegation"].map(|field| format!("keys.{name}.{field}"));
    fields
        .iter()
        .find_map(|field| desired.lines.get(field))
        .or_else(|| desired.line_of(&format!("keys.{name}")))
        .cloned()
}
