//! Proof that everything the stack says about access holds in a world: by AWS's rules, not by looking for
//! names in a policy.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{
    Arn, Caller, CallerKind, Decision, KeyFacts, NamedPolicy, Outcome, Readable, Request, decide,
};
use crate::kinds::{Name, World, key, role};
use crate::stack::desired::Desired;

/// What the role of a function may do with a key that the stack says it uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proof {
    /// The function.
    pub function: Name,
    /// ARN of a role that it runs under.
    pub role: String,
    /// The key.
    pub key: Name,
    /// The actions with the same outcome, without `kms:`.
    pub actions: BTreeSet<String>,
    /// `allow`, `implicit_deny`, `explicit_deny` or `unknown`.
    pub decision: String,
    /// The statements that decide.
    pub statements: BTreeSet<String>,
    /// What is not known, for an unknown outcome.
    pub unknowns: BTreeSet<String>,
}

impl Proof {
    /// Tells whether the use is allowed for certain.
    pub fn holds(&self) -> bool {
        self.decision == Outcome::Allow.as_str()
    }
}

/// Decides every use that the stack declares, for every role that its functions run under.
pub fn uses(desired: &Desired, world: &World) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for (function, want) in &desired.functions {
        let Some(seen) = world.functions.get(function) else { continue };
        for (name, actions) in &want.uses {
            let Some(key) = world.keys.get(name) else { continue };
            let facts = facts(desired, name, key);
            for role in seen.live_roles() {
                let caller = caller(world, role);
                let mut alike: Vec<Proof> = Vec::new();
                for action in actions {
                    let Decision { outcome, statements, unknowns, .. } =
                        decide(&caller, &Request::new(action, &caller, &facts), &facts);
                    let short = action.strip_prefix("kms:").unwrap_or(action).to_owned();
                    let same = alike.iter_mut().find(|proof| {
                        proof.decision == outcome.as_str()
                            && proof.statements == statements
                            && proof.unknowns == unknowns
                    });
                    match same {
                        Some(proof) => drop(proof.actions.insert(short)),
                        None => alike.push(Proof {
                            function: function.clone(),
                            role: role.to_owned(),
                            key: name.clone(),
                            actions: BTreeSet::from([short]),
                            decision: outcome.as_str().to_owned(),
                            statements,
                            unknowns,
                        }),
                    }
                }
                proofs.extend(alike);
            }
        }
    }
    proofs
}

/// What is known of a key. Grants only ever add access, and lockstep makes none, so a proof needs none.
pub fn facts(desired: &Desired, name: &Name, key: &key::Seen) -> KeyFacts {
    let place = &desired.place;
    let arn = if key.arn.is_empty() {
        // A key that is yet to be made has no id; no rule depends on which one it gets.
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

/// What is known of a principal. Organization policies cannot be read by most callers, and are taken not to bind.
pub fn caller(world: &World, arn: &str) -> Caller {
    let kind = kind(world, arn);
    let role = match &kind {
        CallerKind::Role { arn: role_arn } | CallerKind::Session { role_arn, .. } => {
            world.roles.values().find(|role| role.spec.arn == *role_arn)
        }
        _ => None,
    };
    let mut caller = Caller { kind, ..Caller::role(arn, []) };
    let Some(role) = role else {
        let why = format!("the policies of `{arn}` are no part of the stack");
        caller.identity = Readable::unknown(&why);
        caller.boundary = Readable::unknown(why);
        return caller;
    };
    caller.identity = identity(world, role);
    caller.boundary = match &role.spec.boundary {
        None => Readable::Known(None),
        Some(boundary) => match world.managed_documents.get(boundary) {
            Some(document) => Readable::Known(Some(document.clone())),
            None => Readable::unknown(format!("the boundary `{boundary}` could not be read")),
        },
    };
    caller.tags.clone_from(&role.spec.tags);
    caller
}

fn kind(world: &World, arn: &str) -> CallerKind {
    let parts = Arn::split(arn);
    let resource = parts.as_ref().map_or("", |arn| arn.resource);
    let session = resource.strip_prefix("assumed-role/").and_then(|session| session.split('/').next());
    let arn = arn.to_owned();
    match (session, parts) {
        (Some(name), Some(parts)) => {
            // The ARN of a session does not have the path of its role.
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
