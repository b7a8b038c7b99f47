//! Whole states: the target of a plan, the state of AWS, and the state after an operation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::step::Aspect;
use super::{Action, Draft, Fact, Ids, Kind, Name, Op, ResourceId, api, function, ids, key, log_group, role};
use crate::access::PolicyDocument;

/// The state that a plan leads to: every resource of the stack, with key policies derived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Keys.
    pub keys: BTreeMap<Name, key::Spec>,
    /// Roles.
    pub roles: BTreeMap<Name, role::Spec>,
    /// Log groups.
    pub log_groups: BTreeMap<Name, log_group::Spec>,
    /// Functions.
    pub functions: BTreeMap<Name, function::Spec>,
    /// APIs.
    pub apis: BTreeMap<Name, api::Spec>,
}

/// The state of a stack in AWS: resources with its tags, and resources found by its names and aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Keys.
    pub keys: BTreeMap<Name, key::Seen>,
    /// Roles.
    pub roles: BTreeMap<Name, role::Seen>,
    /// Log groups.
    pub log_groups: BTreeMap<Name, log_group::Seen>,
    /// Functions.
    pub functions: BTreeMap<Name, function::Seen>,
    /// APIs.
    pub apis: BTreeMap<Name, api::Seen>,
    /// Resources that exist or may exist under a name of the stack but could not be read, with the reason.
    pub unread: BTreeMap<ResourceId, String>,
    /// Aliases that the stack wants but that point to keys outside the stack, with these keys.
    pub foreign_aliases: BTreeMap<String, key::Seen>,
    /// Names that the stack wants but that are taken by resources without its tags: address to a description of the
    /// resource.
    pub foreign: BTreeMap<ResourceId, String>,
    /// Identifiers of the resources above, for filling in references.
    pub ids: Ids,
    /// ARNs of all roles that the stack wants or has; whether each of them exists is known.
    pub role_arns: BTreeSet<String>,
    /// Documents of the managed policies and boundaries that roles of the stack have or want, by ARN; those
    /// that could not be read are missing.
    pub managed_documents: BTreeMap<String, PolicyDocument>,
}

/// An operation that AWS would refuse, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource}: {reason}")]
pub struct Refused {
    /// The resource.
    pub resource: ResourceId,
    /// The rule that the operation breaks.
    pub reason: String,
}

impl Op {
    /// Returns the resource that the operation changes.
    pub fn resource(&self) -> ResourceId {
        match self {
            Self::Key { name, .. } => ResourceId::new(Kind::Key, name),
            Self::Role { name, .. } => ResourceId::new(Kind::Role, name),
            Self::LogGroup { name, .. } => ResourceId::new(Kind::LogGroup, name),
            Self::Function { name, .. } => ResourceId::new(Kind::Function, name),
            Self::Api { name, .. } => ResourceId::new(Kind::Api, name),
        }
    }
}

/// Lists the steps from a world to a target, resource by resource, not yet ordered.
pub fn steps(target: &Target, world: &World) -> Vec<Draft> {
    let mut drafts = Vec::new();
    each(&target.keys, &world.keys, |name, want, seen| drafts.extend(key::steps(name, want, seen)));
    each(&target.roles, &world.roles, |name, want, seen| drafts.extend(role::steps(name, want, seen)));
    each(&target.log_groups, &world.log_groups, |name, want, seen| {
        drafts.extend(log_group::steps(name, want, seen));
    });
    each(&target.functions, &world.functions, |name, want, seen| {
        drafts.extend(function::steps(name, want, seen));
    });
    each(&target.apis, &world.apis, |name, want, seen| drafts.extend(api::steps(name, want, seen)));
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

fn each<'a, W, S>(
    wants: &'a BTreeMap<Name, W>,
    seen: &'a BTreeMap<Name, S>,
    mut visit: impl FnMut(&Name, Option<&W>, Option<&S>),
) {
    let names: BTreeSet<&Name> = wants.keys().chain(seen.keys()).collect();
    for name in names {
        visit(name, wants.get(name), seen.get(name));
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
        self.check_references(op).map_err(refused)?;
        let before = match op {
            Op::Role { name, op: role::Op::Delete } => self.roles.get(name).cloned(),
            _ => None,
        };
        match op {
            Op::Key { name, op } => put(&mut self.keys, name, |seen| key::predict(seen, op)),
            Op::Role { name, op } => put(&mut self.roles, name, |seen| role::predict(seen, op)),
            Op::LogGroup { name, op } => put(&mut self.log_groups, name, |seen| log_group::predict(seen, op)),
            Op::Function { name, op } => put(&mut self.functions, name, |seen| function::predict(seen, op)),
            Op::Api { name, op } => put(&mut self.apis, name, |seen| api::predict(seen, op)),
        }
        .map_err(refused)?;
        match (op, before) {
            (Op::Key { name, op: key::Op::MoveAlias { alias } }, _) => self.leave_alias_to(name, alias),
            (Op::Role { name, op: role::Op::Create { .. } }, _) => self.identify(name),
            (Op::Function { name, op: function::Op::Mark { role: Some(role), .. } }, _) => {
                self.mark_role(name, role);
            }
            (_, Some(deleted)) => self.replace_arn_with_unique_id(deleted),
            _ => {}
        }
        Ok(())
    }

    /// Checks the rules of AWS that span several resources.
    fn check_references(&self, op: &Op) -> Result<(), String> {
        if let Some(fact) = op.refers_to().into_iter().find(|fact| !self.knows(fact)) {
            return Err(format!("the ids of {} are not known yet", fact.resource));
        }
        match op {
            Op::Key {
                op: key::Op::Create { spec: key::Spec { policy, .. } } | key::Op::PutPolicy { policy },
                ..
            } => self.check_principals(policy),
            Op::Key { name, op: key::Op::CreateAlias { alias } } => match self.holder(alias) {
                Some((holder, _)) => {
                    Err(format!("`{alias}` exists already, on keys.{holder} and not on {name}"))
                }
                None => Ok(()),
            },
            Op::Key { name, op: key::Op::MoveAlias { alias } } => self.check_move(name, alias),
            Op::LogGroup {
                op:
                    log_group::Op::Create { spec: log_group::Spec { kms_key: Some(key), .. } }
                    | log_group::Op::AssociateKey { arn: key },
                ..
            } => self.check_key(key, |key| key::policy::allows_service(&key.spec.policy, "logs.")),
            Op::Function { op: function::Op::Create { spec }, .. } => self.check_config(&spec.config),
            Op::Function { op: function::Op::Configure { config }, .. } => self.check_config(config),
            Op::Function { op: function::Op::Mark { role: Some(role), .. }, .. } if self.lacks_role(role) => {
                Err(format!("the role `{role}` has no id: it does not exist"))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the value of a reference is known.
    fn knows(&self, fact: &Fact) -> bool {
        let Fact { resource: ResourceId { kind, name }, aspect } = fact;
        match kind {
            Kind::Key => self.keys.contains_key(name),
            Kind::Role => self.roles.contains_key(name),
            Kind::LogGroup => self.log_groups.contains_key(name),
            Kind::Function => self.functions.contains_key(name),
            Kind::Api => {
                self.apis.get(name).is_some_and(|api| *aspect != Aspect::Served || !api.stages.is_empty())
            }
        }
    }

    /// Finds the key of the stack that an alias points to.
    fn holder(&self, alias: &str) -> Option<(&Name, &key::Seen)> {
        self.keys.iter().find(|(_, key)| key.spec.aliases.contains(alias))
    }

    fn check_move(&self, name: &Name, alias: &str) -> Result<(), String> {
        let (_, from) = self.holder(alias).ok_or_else(|| format!("`{alias}` does not exist"))?;
        let to = self.keys.get(name).ok_or("the key does not exist")?;
        if (&from.spec.key_spec, &from.spec.usage) != (&to.spec.key_spec, &to.spec.usage) {
            return Err(format!("`{alias}` points to a key of another spec or usage"));
        }
        Ok(())
    }

    /// Checks that a service can use a key. Nothing is known about keys outside the stack, so these pass.
    fn check_key(&self, text: &str, usable: impl Fn(&key::Seen) -> bool) -> Result<(), String> {
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

    fn check_config(&self, config: &function::Config) -> Result<(), String> {
        self.check_role(&config.role)?;
        config.env_key.as_ref().map_or(Ok(()), |key| self.check_key(key, |_| true))
    }

    /// Removes an alias from all other keys, because an alias points to one key.
    fn leave_alias_to(&mut self, name: &Name, alias: &str) {
        for (_, key) in self.keys.iter_mut().filter(|(other, _)| *other != name) {
            key.spec.aliases.remove(alias);
        }
    }

    /// Makes the ID of a new role unique, because no role has an ID that another one had before it.
    fn identify(&mut self, name: &Name) {
        let marked = self.functions.values().filter_map(|seen| Some(seen.marks.role.as_ref()?.id.as_str()));
        let named = self.keys.values().flat_map(|key| key::policy::dead_ids(&key.spec.policy));
        let used: BTreeSet<String> = marked.chain(named).map(str::to_owned).collect();
        let Some(role) = self.roles.get_mut(name) else { return };
        while used.contains(&role.role_id) {
            role.role_id.push_str(" anew");
        }
    }

    /// Records the current ID of the role in the mark.
    fn mark_role(&mut self, name: &Name, arn: &str) {
        let role = self.roles.values().find(|role| role.spec.arn == arn && !role.role_id.is_empty());
        if let (Some(role), Some(seen)) = (role, self.functions.get_mut(name)) {
            seen.marks.role = Some(function::RoleMark::new(&role.role_id, arn));
        }
    }

    /// Replaces the ARN of a deleted role by its bare ID in key policies, as KMS does.
    fn replace_arn_with_unique_id(&mut self, role: role::Seen) {
        for key in self.keys.values_mut() {
            key::policy::replace_arn_with_unique_id(&mut key.spec.policy, &role.spec.arn, &role.role_id);
        }
        self.role_arns.insert(role.spec.arn);
    }

    /// Checks that every principal exists, because KMS refuses a policy that names one that does not. Nothing is known
    /// about principals outside the stack, so these pass.
    fn check_principals(&self, policy: &PolicyDocument) -> Result<(), String> {
        let missing = key::policy::named_arns(policy).into_iter().find(|arn| self.lacks_role(arn));
        missing.map_or(Ok(()), |arn| Err(format!("the policy names `{arn}`, which does not exist")))
    }

    fn check_role(&self, arn: &str) -> Result<(), String> {
        if self.lacks_role(arn) {
            return Err(format!("the role `{arn}` cannot be assumed by Lambda: it does not exist"));
        }
        Ok(())
    }
}

fn put<S: Clone>(
    seen: &mut BTreeMap<Name, S>,
    name: &Name,
    predict: impl FnOnce(Option<S>) -> Result<Option<S>, String>,
) -> Result<(), String> {
    match predict(seen.get(name).cloned())? {
        Some(next) => seen.insert(name.clone(), next),
        None => seen.remove(name),
    };
    Ok(())
}
