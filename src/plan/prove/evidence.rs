//! Callers and keys for the evaluator, built from the stack, the world, and the principals and grants that were read
//! outside of both.

use std::collections::BTreeMap;

use crate::access::{Arn, Caller, CallerKind, Grant, KeyFacts, NamedPolicy, PolicyDocument, Readable};
use crate::kinds::outsider::Identity;
use crate::kinds::{Name, Outsider, World, key, role};
use crate::stack::desired::Desired;

/// Facts that proofs need and that neither a stack nor a world contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Principals outside the stack, by the ARN under which they are looked up.
    pub outsiders: BTreeMap<String, Outsider>,
    /// The grants of keys. A missing key has no relevant grants, because lockstep creates none.
    pub grants: BTreeMap<Name, Readable<Vec<Grant>>>,
}

/// A world to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct AccessContext<'a> {
    /// The stack.
    pub desired: &'a Desired,
    /// The world.
    pub world: &'a World,
    /// All other evidence.
    pub evidence: &'a Evidence,
}

impl AccessContext<'_> {
    /// Returns the facts about a key of the world.
    pub fn key(&self, name: &Name, seen: &key::Seen) -> KeyFacts {
        let grants = self.evidence.grants.get(name).cloned();
        let facts = facts(self.desired, name, seen);
        KeyFacts { grants: grants.unwrap_or(Readable::Known(Vec::new())), ..facts }
    }

    /// Returns the facts about a principal, by its ARN.
    pub fn caller(&self, arn: &str) -> Caller {
        match self.evidence.outsiders.get(arn) {
            Some(Outsider::There(identity)) => outside(arn, identity),
            Some(Outsider::Hidden { why }) => blank(self.world, arn, why),
            Some(Outsider::Gone) => blank(self.world, arn, "it does not exist"),
            None => caller(self.world, arn),
        }
    }

    /// Returns whether a principal is known to exist, or must exist.
    pub fn exists(&self, arn: &str) -> bool {
        let resource = Arn::split(arn).map_or("", |arn| arn.resource);
        resource == "root"
            || self.world.roles.values().any(|role| role.spec.arn == arn)
            || matches!(self.evidence.outsiders.get(arn), Some(Outsider::There(_)))
    }
}

/// Returns the facts about a key, apart from its grants.
pub fn facts(desired: &Desired, name: &Name, key: &key::Seen) -> KeyFacts {
    let place = &desired.place;
    let arn = if key.arn.is_empty() {
        // A key that has not been created yet has no ID, and no rule depends on the ID that it gets.
        format!("arn:{}:kms:{}:{}:key/{name}", place.partition, place.region, place.account)
    } else {
        key.arn.clone()
    };
    let spec = &key.spec;
    KeyFacts {
        spec: spec.key_spec.clone(),
        usage: spec.usage.clone(),
        origin: key.origin.clone(),
        multi_region: spec.multi_region,
        aliases: spec.aliases.iter().cloned().collect(),
        tags: spec.tags.clone(),
        policy: match key.unread.get("policy") {
            Some(why) => Readable::unknown(why),
            None => Readable::Known(spec.policy.clone()),
        },
        ..KeyFacts::new(arn, spec.policy.clone())
    }
}

/// Returns the facts about a principal in a world.
///
/// Most callers cannot read organization policies, so these are assumed not to restrict. Nobody can read the policies
/// passed when a session was created, so these are assumed not to be there.
pub fn caller(world: &World, arn: &str) -> Caller {
    let kind = kind(world, arn);
    let role = match &kind {
        CallerKind::Role { arn: role_arn } | CallerKind::Session { role_arn, .. } => {
            world.roles.values().find(|role| role.spec.arn == *role_arn)
        }
        _ => None,
    };
    let Some(role) = role else {
        return blank(world, arn, &format!("the policies of `{arn}` are no part of the stack"));
    };
    let mut caller = Caller { kind, ..Caller::role(arn, []) };
    caller.identity = identity(world, role);
    caller.boundary = match &role.spec.boundary {
        None => Readable::Known(None),
        Some(boundary) => match world.managed_documents.get(boundary) {
            Some(document) => Readable::Known(Some(document.clone())),
            None => Readable::unknown(format!("the boundary `{boundary}` could not be read")),
        },
    };
    caller.tags.clone_from(&role.spec.tags);
    caller.unique_id = Some(role.role_id.clone()).filter(|id| !id.is_empty());
    caller
}

/// Returns a caller of which only the name is known. No policy restricts the root user or a service.
fn blank(world: &World, arn: &str, why: &str) -> Caller {
    if Arn::split(arn).is_none() {
        return Caller::new(CallerKind::Service { name: arn.to_owned() }, "");
    }
    let kind = kind(world, arn);
    let is_root = matches!(kind, CallerKind::Root { .. });
    let caller = Caller { kind, ..Caller::role(arn, []) };
    if is_root {
        return caller;
    }
    Caller { identity: Readable::unknown(why), boundary: Readable::unknown(why), ..caller }
}

fn outside(arn: &str, identity: &Identity) -> Caller {
    let Identity { arn: own, unique_id, tags, policies, boundary } = identity;
    let is = |prefix: &str| Arn::split(arn).is_some_and(|arn| arn.resource.starts_with(prefix));
    let (arn, role_arn) = (arn.to_owned(), own.clone());
    let kind = match (is("assumed-role/"), is("user/")) {
        (true, _) => CallerKind::Session { arn, role_arn },
        (_, true) => CallerKind::User { arn },
        _ => CallerKind::Role { arn },
    };
    let named = |(name, document): (&String, &PolicyDocument)| NamedPolicy {
        name: name.clone(),
        document: document.clone(),
    };
    Caller {
        kind,
        unique_id: Some(unique_id.clone()).filter(|id| !id.is_empty()),
        tags: tags.clone(),
        identity: match policies {
            Ok(policies) => Readable::Known(policies.iter().map(named).collect()),
            Err(why) => Readable::unknown(why),
        },
        boundary: match boundary {
            Ok(boundary) => Readable::Known(boundary.clone()),
            Err(why) => Readable::unknown(why),
        },
        ..Caller::role(own.clone(), [])
    }
}

fn kind(world: &World, arn: &str) -> CallerKind {
    let parts = Arn::split(arn);
    let resource = parts.as_ref().map_or("", |arn| arn.resource);
    let session = resource.strip_prefix("assumed-role/").and_then(|session| session.split('/').next());
    let arn = arn.to_owned();
    match (session, parts) {
        (Some(name), Some(parts)) => {
            // The ARN of a session does not contain the path of its role.
            let role = world.roles.values().find(|role| role.spec.role_name == name);
            let bare = || format!("arn:{}:iam::{}:role/{name}", parts.partition, parts.account);
            CallerKind::Session { role_arn: role.map_or_else(bare, |role| role.spec.arn.clone()), arn }
        }
        _ if resource == "root" => CallerKind::Root { arn },
        _ if resource.starts_with("user/") => CallerKind::User { arn },
        _ => CallerKind::Role { arn },
    }
}

fn identity(world: &World, role: &role::Seen) -> Readable<Vec<NamedPolicy>> {
    let unread = ["inline_policies", "managed_policies"].iter().find_map(|field| role.unread.get(*field));
    if let Some(why) = unread {
        return Readable::unknown(why);
    }
    let inline = role.spec.inline.iter().map(|(name, document)| (name, Some(document)));
    let managed = role.spec.managed.iter().map(|arn| (arn, world.managed_documents.get(arn)));
    let mut policies = Vec::new();
    for (name, document) in inline.chain(managed) {
        let Some(document) = document else {
            return Readable::unknown(format!("the policy `{name}` could not be read"));
        };
        policies.push(NamedPolicy { name: name.clone(), document: document.clone() });
    }
    Readable::Known(policies)
}
