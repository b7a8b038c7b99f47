//! Problems that block a plan before its first step.

use serde::{Deserialize, Serialize};

use super::stand_in::is_stand_in;
use crate::access::MAX_KEY_POLICY_BYTES;
use crate::kinds::{Kind, Name, ResourceId, Target, World, api, domain, key, log_group, role};
use crate::stack::desired::{Desired, Line};

/// One problem that must be fixed before a plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The resource.
    pub resource: ResourceId,
    /// The problem, in one line.
    pub problem: String,
    /// The remedy.
    pub remedy: String,
    /// The place in the stack file.
    pub line: Option<Line>,
}

/// Lists all problems that block a plan.
pub fn blocked(desired: &Desired, world: &World, wide: &Target) -> Vec<Blocked> {
    let mut found = Vec::new();
    taken_names(desired, world, &mut found);
    immutable_settings(desired, world, &mut found);
    unread(desired, world, &mut found);
    policies(desired, world, wide, &mut found);
    disabled_keys(desired, world, &mut found);
    aliases_between_types(desired, world, &mut found);
    roles_in_use(desired, world, &mut found);
    found
}

impl Desired {
    fn block(&self, resource: ResourceId, field: &str, problem: String, remedy: String) -> Blocked {
        let line = self.line_of(&format!("{resource}.{field}")).cloned();
        Blocked { resource, problem, remedy, line }
    }
}

fn taken_names(desired: &Desired, world: &World, found: &mut Vec<Blocked>) {
    for (resource, what) in &world.foreign {
        // A role with that name is often the stack's own, deleted and re-created in the console.
        let or = match resource.kind {
            Kind::Role => ", or delete it and let lockstep re-create it",
            _ => "",
        };
        found.push(desired.block(
            resource.clone(),
            "",
            format!("{what} exists already and does not carry the tags of this stack"),
            format!(
                "rename one of the two, or let lockstep take it over by tagging it lockstep:stack={}, \
                 lockstep:env={}, lockstep:id={resource}{or}",
                desired.stack, desired.env
            ),
        ));
    }
    for (name, want) in &desired.keys {
        for (alias, key) in
            want.spec.aliases.iter().filter_map(|alias| world.foreign_aliases.get_key_value(alias))
        {
            found.push(desired.block(
                ResourceId::new(Kind::Key, name),
                "alias",
                format!(
                    "`{alias}` points to the key {}, which does not carry the tags of this stack",
                    key.id
                ),
                format!(
                    "if it is this stack's key and its tags were taken off, tag it lockstep:stack={}, \
                     lockstep:env={}, lockstep:id=keys.{name}; else choose another alias",
                    desired.stack, desired.env
                ),
            ));
        }
    }
}

fn immutable_settings(desired: &Desired, world: &World, found: &mut Vec<Blocked>) {
    for (name, want) in &desired.keys {
        let Some(seen) = world.keys.get(name) else { continue };
        for change in key::immutable(&want.spec, seen) {
            found.push(desired.block(
                ResourceId::new(Kind::Key, name),
                &change.field,
                replaced(&change, "KMS can never change it, and replacing the key would make everything unreadable that was encrypted under it"),
                "declare a second key under another name, and move the functions to it".to_owned(),
            ));
        }
    }
    for (name, want) in &desired.roles {
        let Some(seen) = world.roles.get(name) else { continue };
        for change in role::immutable(want, seen) {
            found.push(desired.block(
                ResourceId::new(Kind::Role, name),
                &change.field,
                replaced(&change, "IAM can never change it, and a replacement under the same name would cut off the functions that run under the role"),
                "declare a second role under another name, swap the functions to it, then remove this one".to_owned(),
            ));
        }
    }
    for (name, want) in &desired.apis {
        let Some(seen) = world.apis.get(name) else { continue };
        for change in api::immutable(want, seen) {
            found.push(desired.block(
                ResourceId::new(Kind::Api, name),
                &change.field,
                replaced(&change, "API Gateway cannot change it"),
                match change.field.as_str() {
                    "endpoint_type" => "apply `REGIONAL` in between".to_owned(),
                    _ => "declare a second model under another name, and use that one".to_owned(),
                },
            ));
        }
    }
    for (name, want) in &desired.domains {
        let Some(seen) = world.domains.get(name) else { continue };
        for change in domain::immutable(want, seen) {
            found.push(desired.block(
                ResourceId::new(Kind::Domain, name),
                &change.field,
                replaced(
                    &change,
                    "callers would lose the name that they use, or DNS the name that it points to",
                ),
                "declare a second domain under another name, move DNS to it, then remove this one".to_owned(),
            ));
        }
    }
    for (name, want) in &desired.log_groups {
        let Some(seen) = world.log_groups.get(name) else { continue };
        for change in log_group::immutable(want, seen) {
            found.push(
                desired.block(
                    ResourceId::new(Kind::LogGroup, name),
                    &change.field,
                    replaced(
                        &change,
                        "CloudWatch Logs can never change it, and a replacement would lose what was logged",
                    ),
                    "delete the old group, or take its tag `lockstep:id` away to keep it outside the stack"
                        .to_owned(),
                ),
            );
        }
    }
}

fn replaced(change: &crate::kinds::Change, why: &str) -> String {
    let shown =
        |value: &Option<serde_json::Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    format!("-/+ `{}` from {} to {}: {why}", change.field, shown(&change.before), shown(&change.after))
}

/// Blocks on unreadable state, because it cannot be compared: it must be neither overwritten nor counted as unchanged.
fn unread(desired: &Desired, world: &World, found: &mut Vec<Blocked>) {
    // A listing that is not allowed hides only leftovers, not resources that the stack wants: see `World::hidden`.
    for (resource, why) in world.unread.iter().filter(|(resource, _)| !resource.is_listing()) {
        found.push(desired.block(
            resource.clone(),
            "",
            format!("it could not be read: {why}"),
            "let the caller read it; `lockstep` never plans over what it cannot see".to_owned(),
        ));
    }
    for (name, seen) in &world.keys {
        if let Some(why) = seen.unread.get("policy") {
            found.push(desired.block(
                ResourceId::new(Kind::Key, name),
                "",
                format!("its key policy could not be read: {why}"),
                "let the caller use kms:GetKeyPolicy on the key".to_owned(),
            ));
        }
    }
    for (name, seen) in &world.functions {
        for field in ["versions", "aliases"] {
            let Some(why) = seen.unread.get(field) else { continue };
            found.push(desired.block(
                ResourceId::new(Kind::Function, name),
                "",
                format!("its {field} could not be read, so the roles that its traffic runs under are not known: {why}"),
                "let the caller use lambda:ListAliases and lambda:ListVersionsByFunction on the function".to_owned(),
            ));
        }
    }
}

/// Blocks on a changed rotation of a disabled key, because KMS refuses it, and enabling the key for that purpose would
/// allow its use.
fn disabled_keys(desired: &Desired, world: &World, found: &mut Vec<Blocked>) {
    for (name, want) in &desired.keys {
        let Some(seen) = world.keys.get(name) else { continue };
        let stays = seen.state == key::State::Disabled && !want.spec.enabled;
        if stays && !seen.unread.contains_key("rotation") && want.spec.rotation != seen.spec.rotation {
            found.push(
                desired.block(
                    ResourceId::new(Kind::Key, name),
                    "rotation",
                    "KMS does not change the rotation of a disabled key".to_owned(),
                    "leave `rotation` as it is, or enable the key in one apply and disable it in the next"
                        .to_owned(),
                ),
            );
        }
    }
}

/// Blocks on an alias that moves between keys of different spec or usage, because KMS refuses that.
fn aliases_between_types(desired: &Desired, world: &World, found: &mut Vec<Blocked>) {
    for (name, want) in &desired.keys {
        for alias in &want.spec.aliases {
            let holder = world.keys.iter().find(|(_, seen)| seen.spec.aliases.contains(alias));
            let other = holder.filter(|(_, seen)| {
                (&seen.spec.key_spec, &seen.spec.usage) != (&want.spec.key_spec, &want.spec.usage)
            });
            if let Some((holder, _)) = other.filter(|(holder, _)| *holder != name) {
                found.push(desired.block(
                    ResourceId::new(Kind::Key, name),
                    "alias",
                    format!("`{alias}` points to `{holder}`, and KMS moves aliases only between keys of one spec and usage"),
                    format!("choose another alias, or take it from `{holder}` in one apply and add it in the next"),
                ));
            }
        }
    }
}

fn policies(desired: &Desired, world: &World, wide: &Target, found: &mut Vec<Blocked>) {
    let kept = |name| world.keys.get(name).map(|seen| &seen.spec.policy);
    for (name, spec) in wide.keys.iter().filter(|(name, spec)| kept(name) != Some(&spec.policy)) {
        let size = spec.policy.size();
        if size > MAX_KEY_POLICY_BYTES {
            found.push(desired.block(
                ResourceId::new(Kind::Key, name),
                "",
                format!(
                    "its key policy needs {size} of {MAX_KEY_POLICY_BYTES} bytes while roles are swapped"
                ),
                "let fewer functions use the key, or spread them over two keys".to_owned(),
            ));
        }
    }
}

/// Blocks on the deletion of a role while an alias still routes to a version that runs under it.
fn roles_in_use(desired: &Desired, world: &World, found: &mut Vec<Blocked>) {
    for (name, want) in &desired.functions {
        for arn in want.spec.remaining_roles(world.functions.get(name)) {
            let removed: Option<&Name> = world
                .roles
                .iter()
                .find(|(role, seen)| seen.spec.arn == arn && !desired.roles.contains_key(*role))
                .map(|(role, _)| role);
            if removed.is_none() && is_stand_in(desired, arn) {
                found.push(desired.block(
                    ResourceId::new(Kind::Function, name),
                    "aliases",
                    "an alias routes to a version that ran under a role that stood in for another, and is gone".to_owned(),
                    "route it to another version: the one after it has the same code".to_owned(),
                ));
            }
            if let Some(role) = removed {
                found.push(desired.block(
                    ResourceId::new(Kind::Role, role),
                    "",
                    format!("it is no longer in the stack file, but functions.{name} still runs under it: by its own configuration, or by a version that an alias routes to"),
                    format!("keep `{role}` in the stack file until no alias of functions.{name} routes to that version"),
                ));
            }
        }
    }
}
