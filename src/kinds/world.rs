//! Whole states: the target of a plan, the state of AWS, and the state after an operation.

use std::collections::BTreeSet;

use super::{Action, Draft, Name, Op, ResourceId, Target, World, function, ids, key, role};
use crate::access::PolicyDocument;

/// An operation that AWS would refuse, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource}: {reason}")]
pub struct Refused {
    /// The resource.
    pub resource: ResourceId,
    /// The rule that the operation breaks.
    pub reason: String,
}

/// Lists the steps from a world to a target, resource by resource, not yet ordered.
pub fn steps(target: &Target, world: &World) -> Vec<Draft> {
    let mut drafts = world.steps_to(target);
    key::move_aliases(&mut drafts, &world.keys);
    drafts.extend(stale_marks(target, world, &drafts));
    keep_marks(target, world, &mut drafts);
    // A resource that could not be read is neither created nor changed.
    drafts.retain(|draft| !world.unread.contains_key(&draft.resource));
    drafts
}

/// Rewrites the marks that still name an earlier role because a run ended between changing the role and writing its
/// mark.
fn stale_marks(target: &Target, world: &World, drafts: &[Draft]) -> Vec<Draft> {
    let stale = target.functions.iter().filter(|(name, want)| {
        let seen = world.functions.get(*name).filter(|seen| seen.config.role == want.config.role);
        seen.and_then(|seen| seen.marks.role.as_ref()).is_some_and(|mark| !mark.is_of(&want.config.role))
    });
    let marks = stale.map(|(name, want)| function::mark(name, want, Action::Update));
    marks.filter(|mark| drafts.iter().all(|draft| draft.op != mark.op)).collect()
}

/// Keeps the mark of a role as long as its function stays with a role of that name. If the role was deleted and
/// re-created, the mark is the evidence of it until the grant is renewed; a mark that could not be read may be such
/// evidence.
fn keep_marks(target: &Target, world: &World, drafts: &mut [Draft]) {
    for draft in drafts {
        let Op::Function { name, op: function::Op::Mark { role, .. } } = &mut draft.op else { continue };
        let (Some(want), Some(seen)) = (target.functions.get(name), world.functions.get(name)) else {
            continue;
        };
        let marked = seen.marks.role.as_ref().is_some_and(|mark| mark.is_of(&want.config.role));
        let tells = marked && world.has_lost_role(seen) || seen.unread.contains_key("tags");
        if tells && seen.config.role == want.config.role {
            *role = None;
        }
    }
}

impl World {
    /// Lists the kinds that may not be listed, with the reason: leftovers of these kinds would not be found.
    pub fn hidden(&self) -> impl Iterator<Item = (&ResourceId, &String)> {
        self.unread.iter().filter(|(resource, _)| resource.is_listing())
    }

    /// Applies one operation as AWS would.
    ///
    /// # Errors
    ///
    /// The rule of AWS that the operation breaks; the world stays unchanged in that case.
    pub fn apply(&mut self, op: &Op) -> Result<(), Refused> {
        let refused = |reason| Refused { resource: op.resource(), reason };
        if let Some(fact) = op.refers_to().into_iter().find(|fact| !self.knows(&fact.resource, &fact.aspect))
        {
            return Err(refused(format!("the ids of {} are not known yet", fact.resource)));
        }
        self.carry_out(op).map_err(refused)
    }

    /// Checks that an API has a stage. Nothing is known about APIs outside the stack, so these pass.
    pub(super) fn check_stage(&self, api: &str, stage: &str) -> Result<(), String> {
        let found = self
            .apis
            .iter()
            .find(|(name, seen)| seen.id == api || ids::to(&format!("apis.{name}.id")) == api);
        match found {
            Some((name, seen)) if !seen.stages.contains_key(stage) => {
                Err(format!("apis.{name} has no stage `{stage}`"))
            }
            _ => Ok(()),
        }
    }

    /// Finds the key of the stack that an alias points to.
    pub(super) fn holder(&self, alias: &str) -> Option<(&Name, &key::Seen)> {
        self.keys.iter().find(|(_, key)| key.spec.aliases.contains(alias))
    }

    pub(super) fn check_move(&self, name: &Name, alias: &str) -> Result<(), String> {
        let (_, from) = self.holder(alias).ok_or_else(|| format!("`{alias}` does not exist"))?;
        let to = self.keys.get(name).ok_or("the key does not exist")?;
        if (&from.spec.key_spec, &from.spec.usage) != (&to.spec.key_spec, &to.spec.usage) {
            return Err(format!("`{alias}` points to a key of another spec or usage"));
        }
        Ok(())
    }

    /// Checks that a service can use a key. Nothing is known about keys outside the stack, so these pass.
    pub(super) fn check_key(&self, text: &str, usable: impl Fn(&key::Seen) -> bool) -> Result<(), String> {
        let key = self
            .keys
            .iter()
            .find(|(name, key)| key.arn == text || ids::to(&format!("keys.{name}.arn")) == text);
        match key {
            Some((name, key)) if !key.spec.enabled || !usable(key) => Err(format!(
                "keys.{name} cannot be used by the service: it is disabled, or its policy does not allow it"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn check_config(&self, config: &function::Config) -> Result<(), String> {
        self.check_role(&config.role)?;
        config.env_key.as_ref().map_or(Ok(()), |key| self.check_key(key, |_| true))
    }

    /// Removes an alias from all other keys, because an alias points to one key.
    pub(super) fn leave_alias_to(&mut self, name: &Name, alias: &str) {
        for (_, key) in self.keys.iter_mut().filter(|(other, _)| *other != name) {
            key.spec.aliases.remove(alias);
        }
    }

    /// Makes the ID of a new role unique, because no role has an ID that another one had before it.
    pub(super) fn identify(&mut self, name: &Name) {
        let marked = self.functions.values().filter_map(|seen| Some(seen.marks.role.as_ref()?.id.as_str()));
        let named = self.keys.values().flat_map(|key| key::policy::dead_ids(&key.spec.policy));
        let used: BTreeSet<String> = marked.chain(named).map(str::to_owned).collect();
        let Some(role) = self.roles.get_mut(name) else { return };
        while used.contains(&role.role_id) {
            role.role_id.push_str(" anew");
        }
    }

    /// Records the current ID of the role in the mark.
    pub(super) fn mark_role(&mut self, name: &Name, arn: &str) {
        let role = self.roles.values().find(|role| role.spec.arn == arn && !role.role_id.is_empty());
        if let (Some(role), Some(seen)) = (role, self.functions.get_mut(name)) {
            seen.marks.role = Some(function::RoleMark::new(&role.role_id, arn));
        }
    }

    /// Replaces the ARN of a deleted role by its bare ID in key policies, as KMS does.
    pub(super) fn replace_arn_with_unique_id(&mut self, role: role::Seen) {
        for key in self.keys.values_mut() {
            key::policy::replace_arn_with_unique_id(&mut key.spec.policy, &role.spec.arn, &role.role_id);
        }
        self.role_arns.insert(role.spec.arn);
    }

    /// Checks that every principal exists, because KMS refuses a policy that names one that does not. Nothing is known
    /// about principals outside the stack, so these pass.
    pub(super) fn check_principals(&self, policy: &PolicyDocument) -> Result<(), String> {
        let missing = key::policy::named_arns(policy).into_iter().find(|arn| self.lacks_role(arn));
        missing.map_or(Ok(()), |arn| Err(format!("the policy names `{arn}`, which does not exist")))
    }

    pub(super) fn check_role(&self, arn: &str) -> Result<(), String> {
        if self.lacks_role(arn) {
            return Err(format!("the role `{arn}` cannot be assumed by Lambda: it does not exist"));
        }
        Ok(())
    }
}
