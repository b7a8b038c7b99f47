//! Finds grants on keys of the stack. lockstep creates none, so each grant that adds to the access of its grantee is
//! reported.

use std::collections::BTreeSet;

use super::{Finding, Rank};
use crate::access::{Grant, KeyFacts, Readable, Request, decide};
use crate::kinds::{Kind, Name, ResourceId};
use crate::plan::prove::AccessContext;
use crate::report::{short, value};

/// Lists grants by which someone may do more than the stack file says, and grants that could not be read.
pub fn findings(scene: AccessContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, grants) in &scene.evidence.grants {
        match grants {
            Readable::Known(grants) => {
                findings.extend(grants.iter().filter_map(|grant| found(scene, key, grant)))
            }
            Readable::Unknown { why } => {
                let resource = ResourceId::new(Kind::Key, key);
                findings.push(super::could_not_read(&resource, Some("grants"), why));
            }
        }
    }
    findings
}

fn found(scene: AccessContext<'_>, name: &Name, grant: &Grant) -> Option<Finding> {
    let seen = scene.world.keys.get(name)?;
    let facts = KeyFacts { grants: Readable::Known(Vec::new()), ..scene.key(name, seen) };
    let grantee = grant.grantee_principal.as_deref();
    let holds_already = |operation: &&String| {
        grantee.is_some_and(|grantee| {
            let caller = scene.caller(grantee);
            decide(&caller, &Request::new(format!("kms:{operation}"), &caller, &facts), &facts).is_allow()
        })
    };
    // Describing a key, or retiring the grant, does not use the key.
    let harmless =
        |operation: &&String| matches!(operation.as_str(), "DescribeKey" | "RetireGrant" | "GetPublicKey");
    let gives: BTreeSet<String> =
        grant.operations.iter().filter(|one| !harmless(one) && !holds_already(one)).cloned().collect();
    if gives.is_empty() {
        return None;
    }
    let names = short::names(scene.desired, scene.world);
    let who = match (grantee, grant.grantee_service_principal.as_deref()) {
        (Some(arn), _) => {
            let name = short::role(&names, arn);
            short::principal(&name, &scene.desired.place.account).to_owned()
        }
        (None, Some(service)) => service.to_owned(),
        (None, None) => "an unknown principal".to_owned(),
    };
    let resource = format!("keys.{name}");
    Some(Finding {
        id: format!("grant:{resource}:{}", grant.grant_id),
        rank: Rank::Security,
        what: value::printable(&format!(
            "has a grant that lets {who} {}, which the stack file does not",
            short::listed(&gives, true)
        )),
        resource,
        consequence: "more is allowed than the stack file says".to_owned(),
        remedy: value::printable(&format!(
            "lockstep leaves grants alone: revoke it with `aws kms revoke-grant --key-id {} --grant-id {}`",
            seen.id, grant.grant_id
        )),
        line: None,
        changes: Vec::new(),
    })
}
