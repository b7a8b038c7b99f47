//! Flaws that must not occur in any world that a plan passes through, apart from steps that AWS itself refuses.

use std::collections::BTreeSet;

use crate::access::{Clause, PolicyDocument, Principal, Statement};
use crate::kinds::{Name, Op, World, api, function, ids, key, log_group, role};
use crate::plan::access::actions;
use crate::stack::desired::Desired;

/// A flaw in a world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Traffic enters a function under a role that lacks actions on a key that the function uses.
    CutOff { function: Name, entry: String, key: Name, lacks: BTreeSet<String> },
    /// Traffic enters a function under a role that is gone or lacks permissions that its stack gives it.
    UnfitRole { function: Name, entry: String, role: String },
    /// A function runs the code and configuration of a stack, but an alias that this stack gives its key is missing.
    NoKeyAlias { function: Name, alias: String },
    /// A function finds a key by an alias, but its role may not use that key.
    AliasAstray { function: Name, entry: String, alias: String },
    /// A function or a stage writes to a log group of the stack that does not exist.
    NoLogGroup { writer: String, group: String },
    /// A function runs new code under the old configuration.
    CodeAhead { function: Name },
    /// The marks of a function name code that is not in place.
    FalseMark { function: Name },
    /// A stage serves a route to a function that is missing, not ready, or does not allow API Gateway to invoke it.
    DeadRoute { api: Name, stage: String, function: String, why: &'static str },
}

/// The target stack and the stacks that were wanted before, latest first.
pub struct ProofInput<'a> {
    pub to: &'a Desired,
    pub before: Vec<&'a Desired>,
}

impl<'a> ProofInput<'a> {
    pub fn new(from: &'a Desired, to: &'a Desired) -> Self {
        Self { to, before: vec![from] }
    }

    fn stacks(&self) -> impl Iterator<Item = &'a Desired> {
        std::iter::once(self.to).chain(self.before.iter().copied())
    }

    /// Finds the stack that configured a function or a version of it.
    fn configured_by(&self, name: &Name, config: &function::Config) -> Option<&'a Desired> {
        let same =
            |stack: &&Desired| stack.functions.get(name).is_some_and(|want| want.spec.config == own(config));
        self.stacks().find(same)
    }

    /// Lists all flaws of a world.
    pub fn flaws(&self, world: &World) -> BTreeSet<Flaw> {
        let mut flaws = BTreeSet::new();
        for (name, seen) in &world.functions {
            for (entry, config) in entries(seen) {
                flaws.extend(self.cut_off(world, name, (&entry, config)));
                flaws.extend(self.alias_astray(world, name, (&entry, config)));
                flaws.extend(self.unfit_role(world, name, (&entry, config)));
                flaws.extend(self.no_log_group(world, format!("{name}:{entry}"), &config.log_group));
            }
            flaws.extend(self.no_key_alias(world, name, seen));
            flaws.extend(self.code_ahead(name, seen).then(|| Flaw::CodeAhead { function: name.clone() }));
            flaws.extend(falsely_marked(seen).then(|| Flaw::FalseMark { function: name.clone() }));
        }
        for (name, api) in &world.apis {
            for (stage, seen) in &api.stages {
                let destination = seen.spec.access_log.as_ref().map(|log| log.destination.as_str());
                flaws.extend(
                    destination.and_then(|to| self.no_log_group(world, format!("{name}/{stage}"), to)),
                );
                flaws.extend(self.dead_routes(world, name, (api, stage)));
            }
        }
        flaws
    }

    fn cut_off(&self, world: &World, name: &Name, (entry, config): (&str, &function::Config)) -> Vec<Flaw> {
        // Traffic on an older stack's configuration also needs the access that the older stack declared.
        let stacks = [
            self.stacks().find(|stack| stack.functions.contains_key(name)),
            self.configured_by(name, config),
        ];
        let uses = stacks
            .into_iter()
            .flatten()
            .flat_map(|stack| stack.functions.get(name))
            .flat_map(|want| &want.uses);
        let cut = uses.filter_map(|(key, actions)| {
            let lacks = lacking(world.keys.get(key), &config.role, actions);
            let (function, entry, key) = (name.clone(), entry.to_owned(), key.clone());
            (!lacks.is_empty()).then_some(Flaw::CutOff { function, entry, key, lacks })
        });
        cut.collect()
    }

    fn alias_astray(
        &self,
        world: &World,
        name: &Name,
        (entry, config): (&str, &function::Config),
    ) -> Vec<Flaw> {
        let Some(stack) = self.configured_by(name, config) else { return Vec::new() };
        let uses = stack.functions.get(name).into_iter().flat_map(|want| &want.uses);
        let aliases = uses.filter_map(|(key, actions)| Some((&stack.keys.get(key)?.spec.aliases, actions)));
        let pairs = aliases.flat_map(|(aliases, actions)| aliases.iter().map(move |alias| (alias, actions)));
        let astray = pairs.filter(|(alias, actions)| {
            let found = world.keys.values().find(|key| key.spec.aliases.contains(*alias));
            found.is_some_and(|found| !lacking(Some(found), &config.role, actions).is_empty())
        });
        let flaw = |(alias, _): (&String, _)| {
            let (function, entry, alias) = (name.clone(), entry.to_owned(), alias.clone());
            Flaw::AliasAstray { function, entry, alias }
        };
        astray.map(flaw).collect()
    }

    fn unfit_role(
        &self,
        world: &World,
        name: &Name,
        (entry, config): (&str, &function::Config),
    ) -> Option<Flaw> {
        let stack = self.configured_by(name, config)?;
        let want = stack.roles.values().find(|role| role.arn == own(config).role)?;
        let has = world.roles.values().find(|role| role.spec.arn == config.role);
        let fit = has.is_some_and(|has| gives(&has.spec, want));
        (!fit).then(|| Flaw::UnfitRole {
            function: name.clone(),
            entry: entry.to_owned(),
            role: config.role.clone(),
        })
    }

    fn no_log_group(&self, world: &World, writer: String, target: &str) -> Option<Flaw> {
        let named = |group: &&log_group::Spec| {
            target == group.group_name || target.ends_with(&format!(":{}", group.group_name))
        };
        let group = &self.stacks().flat_map(|stack| stack.log_groups.values()).find(named)?.group_name;
        let exists = world.log_groups.values().any(|seen| seen.spec.group_name == *group);
        (!exists).then(|| Flaw::NoLogGroup { writer, group: group.clone() })
    }

    fn no_key_alias(&self, world: &World, name: &Name, seen: &function::Seen) -> Vec<Flaw> {
        let Some(stack) = self.stacks().find(|stack| stack.functions.contains_key(name)) else {
            return Vec::new();
        };
        let Some(want) = stack.functions.get(name).filter(|want| runs(seen, &want.spec)) else {
            return Vec::new();
        };
        let keys = want.uses.keys().filter_map(|key| Some((key, stack.keys.get(key)?)));
        let aliases = keys.flat_map(|(key, want)| want.spec.aliases.iter().map(move |alias| (key, alias)));
        let missing = aliases.filter(|(key, alias)| {
            // If a later stack gives the alias to another key, the function moves with its key.
            let moved = self.to.keys.values().any(|want| want.spec.aliases.contains(*alias));
            let there = world.keys.get(*key).is_some_and(|key| key.spec.aliases.contains(*alias));
            !there && (std::ptr::eq(stack, self.to) || !moved)
        });
        missing.map(|(_, alias)| Flaw::NoKeyAlias { function: name.clone(), alias: alias.clone() }).collect()
    }

    fn code_ahead(&self, name: &Name, seen: &function::Seen) -> bool {
        let Some(want) = self.to.functions.get(name).map(|want| &want.spec) else { return false };
        let old = self.before.iter().filter_map(|stack| stack.functions.get(name)).map(|want| &want.spec);
        let mut old = old.filter(|old| old.config == seen.config);
        has_code(seen, want) && seen.config != want.config && old.any(|old| old.code != want.code)
    }

    /// Lists the dead routes of a stage, looking at the stack whose deployment it serves.
    fn dead_routes(&self, world: &World, name: &Name, (api, stage): (&api::Seen, &str)) -> Vec<Flaw> {
        let deployment = api.stages.get(stage).map(|stage| &stage.deployment);
        let served = api.deployments.iter().find(|one| Some(&one.id) == deployment);
        let Some(fingerprint) = served.and_then(|one| one.fingerprint.as_ref()) else { return Vec::new() };
        let of = |stack: &&Desired| stack.apis.get(name).is_some_and(|want| want.fingerprint == *fingerprint);
        let Some(stack) = self.stacks().find(of) else { return Vec::new() };
        let parts = stack.apis.get(name).into_iter().flat_map(|want| want.parts.values());
        let uris = parts.filter_map(|part| match part {
            api::Part::Authorizer(authorizer) => authorizer.uri.as_deref(),
            api::Part::Method(method) => method.integration.uri.as_deref(),
            _ => None,
        });
        let called = uris.filter_map(|uri| uri.split_once(":function:")?.1.split('/').next());
        let dead = called.filter_map(|called| {
            let (function, alias) =
                called.split_once(':').map_or((called, None), |(name, alias)| (name, Some(alias)));
            let why = self.unreachable(world, (stack, name), function, alias)?;
            let (api, stage, function) = (name.clone(), stage.to_owned(), called.to_owned());
            Some(Flaw::DeadRoute { api, stage, function, why })
        });
        dead.collect()
    }

    /// Returns the reason that a route of a stack cannot call a function; `None` if it can.
    fn unreachable(
        &self,
        world: &World,
        (stack, api): (&Desired, &Name),
        function: &str,
        alias: Option<&str>,
    ) -> Option<&'static str> {
        let (name, want) = stack.functions.iter().find(|(_, want)| want.spec.function_name == function)?;
        let Some(seen) = world.functions.get(name) else { return Some("it does not exist") };
        if alias.is_some_and(|alias| !seen.aliases.contains_key(alias)) {
            return Some("its alias does not exist");
        }
        let source = ids::to(&format!("apis.{api}.id"));
        let permits = |permission: &function::Permission| {
            permission.alias.as_deref() == alias && permission.source_arn.contains(&source)
        };
        if !seen.permissions.values().any(permits) {
            return Some("it does not let the API in");
        }
        (std::ptr::eq(stack, self.to) && !runs(seen, &want.spec)).then_some("it is not ready")
    }
}

/// Lists the entry points of traffic into a function, each with the configuration that it reaches.
fn entries(seen: &function::Seen) -> Vec<(String, &function::Config)> {
    let aliases = seen.aliases.iter().flat_map(|(alias, routed)| {
        let versions = routed.versions().filter_map(|version| seen.versions.get(version));
        versions.map(move |version| (alias.clone(), &version.config))
    });
    std::iter::once(("$LATEST".to_owned(), &seen.config)).chain(aliases).collect()
}

fn has_code(seen: &function::Seen, want: &function::Spec) -> bool {
    seen.code_sha256 == function::uploaded(&want.code.source)
}

fn runs(seen: &function::Seen, want: &function::Spec) -> bool {
    own(&seen.config) == want.config && has_code(seen, want)
}

/// Returns the configuration with the role of the stack in place of a temporary role.
fn own(config: &function::Config) -> function::Config {
    let role = config.role.strip_suffix(role::STAND_IN).unwrap_or(&config.role).to_owned();
    function::Config { role, ..config.clone() }
}

/// Returns whether the source mark is wrong; it counts only while the code that it was written for is in place.
fn falsely_marked(seen: &function::Seen) -> bool {
    let function::Marks { source, code, role: _ } = &seen.marks;
    let counts = code.as_ref() == Some(&seen.code_sha256);
    counts && source.as_deref().map(function::uploaded).as_ref() != Some(&seen.code_sha256)
}

/// Returns whether a role has at least the permissions of another.
fn gives(has: &role::Spec, want: &role::Spec) -> bool {
    let within = |want: &PolicyDocument, has: &PolicyDocument| {
        want.statements().iter().all(|want| has.statements().iter().any(|has| covers(has, want)))
    };
    want.managed.is_subset(&has.managed)
        && want
            .inline
            .iter()
            .all(|(policy, want)| has.inline.get(policy).is_some_and(|has| within(want, has)))
        && within(&want.trust, &has.trust)
}

/// Returns whether a statement is the same as another, for the same principals or more.
fn covers(has: &Statement, want: &Statement) -> bool {
    let principals = match (&has.principals, &want.principals) {
        (Clause::Is(has), Clause::Is(want)) => want.is_subset(has),
        (has, want) => has == want,
    };
    let (sid, named) = (want.sid.clone(), want.principals.clone());
    principals && Statement { sid, principals: named, ..has.clone() } == *want
}

/// Lists the keys whose policies will contain a bare ID after an operation; keys that are pending deletion do not
/// count.
pub fn left_dead(before: &World, op: &Op) -> Vec<Name> {
    let Op::Role { name, op: role::Op::Delete } = op else { return Vec::new() };
    let Some(arn) = before.roles.get(name).map(|role| role.spec.arn.as_str()) else { return Vec::new() };
    let kept = before.keys.iter().filter(|(_, key)| !matches!(key.state, key::State::PendingDeletion(_)));
    let names = kept.filter(|(_, key)| key::policy::named_arns(&key.spec.policy).contains(arn));
    names.map(|(key, _)| key.clone()).collect()
}

/// Lists the losses between two worlds: actions of principals on keys, enabled keys, key aliases, and policies of
/// roles.
pub fn lost(before: &World, after: &World) -> Vec<String> {
    let mut lost = Vec::new();
    for (name, key) in &before.keys {
        let Some(has) = after.keys.get(name) else { continue };
        if key.spec.enabled && !has.spec.enabled {
            lost.push(format!("keys.{name} was disabled"));
        }
        let gone = key
            .spec
            .aliases
            .iter()
            .filter(|alias| after.keys.values().all(|key| !key.spec.aliases.contains(*alias)));
        lost.extend(gone.map(|alias| format!("{alias} is gone")));
        for arn in key::policy::named_arns(&key.spec.policy) {
            let principal = Principal::Arn(arn.to_owned());
            let (had, has) = (actions(&key.spec.policy, &principal), actions(&has.spec.policy, &principal));
            if before.roles.values().any(|role| role.spec.arn == arn) && !had.is_subset(&has) {
                lost.push(format!("{arn} lost {:?} on keys.{name}", had.difference(&has)));
            }
        }
    }
    for (name, role) in &before.roles {
        let kept = after.roles.get(name).is_some_and(|has| gives(&has.spec, &role.spec));
        lost.extend((!kept).then(|| format!("roles.{name} lost policies")));
    }
    lost
}

/// Lists the actions, without `kms:`, that a key policy does not allow a role by name. This check does not depend on
/// the evaluator.
fn lacking(key: Option<&key::Seen>, role: &str, needed: &BTreeSet<String>) -> BTreeSet<String> {
    let principal = Principal::Arn(role.to_owned());
    let has = key
        .filter(|key| key.spec.enabled)
        .map(|key| actions(&key.spec.policy, &principal))
        .unwrap_or_default();
    let needed = needed.iter().map(|action| action.strip_prefix("kms:").unwrap_or(action));
    needed.filter(|action| !has.contains(*action)).map(str::to_owned).collect()
}
