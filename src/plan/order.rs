//! The order of steps: which step of one resource waits for which step of another, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{PlanError, Rules, Step, Ties, access};
use crate::kinds::step::Aspect;
use crate::kinds::{
    Draft, Edge, Fact, Kind, Name, Op, ResourceId, World, api, domain, function, key, log_group, role,
};
use crate::stack::desired::Desired;

/// Orders the steps so that each comes after those that it waits for.
///
/// # Errors
///
/// [`PlanError::Cycle`] if steps wait for each other.
pub fn steps(
    desired: &Desired,
    world: &World,
    mut drafts: Vec<Draft>,
    rules: Rules,
) -> Result<Vec<Step>, PlanError> {
    let names = Names::new(desired, world);
    for draft in &mut drafts {
        across(&names, draft);
    }
    match rules.ties {
        Ties::AsFound => {}
        Ties::Reversed => drafts.reverse(),
        Ties::Shuffled(seed) => drafts = shuffled(drafts, seed),
    }
    let waits = waits(&drafts, rules.without);
    let order = sorted(&waits).map_err(|stuck| {
        let stuck = stuck.iter().filter_map(|&index| drafts.get(index));
        PlanError::Cycle(stuck.map(|draft| draft.resource.to_string()).collect::<Vec<_>>().join(", "))
    })?;
    let place: BTreeMap<usize, usize> =
        order.iter().enumerate().map(|(place, &index)| (index, place)).collect();
    let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(order.len());
    for index in order {
        let Some(draft) = drafts.get_mut(index).and_then(Option::take) else { continue };
        let after = waits.get(index).into_iter().flatten();
        steps.push(Step {
            access: access::changes(desired, world, &draft),
            after: after.filter_map(|(index, edge)| Some((*place.get(index)?, *edge))).collect(),
            resource: draft.resource,
            action: draft.action,
            op: draft.op,
            changes: draft.changes,
        });
    }
    Ok(steps)
}

fn shuffled(drafts: Vec<Draft>, seed: u64) -> Vec<Draft> {
    let mut keyed: Vec<(u64, Draft)> = drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| {
            let mut hasher = DefaultHasher::new();
            (seed, index).hash(&mut hasher);
            (hasher.finish(), draft)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, draft)| draft).collect()
}

/// Returns, for each step, the steps that it waits for. A fact that no step provides holds already.
fn waits(drafts: &[Draft], without: Option<Edge>) -> Vec<BTreeMap<usize, Edge>> {
    let mut givers: BTreeMap<&Fact, Vec<usize>> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        for fact in &draft.gives {
            givers.entry(fact).or_default().push(index);
        }
    }
    let waits = drafts.iter().enumerate().map(|(index, draft)| {
        let mut after = BTreeMap::new();
        for (edge, fact) in draft.needs.iter().filter(|(edge, _)| Some(*edge) != without) {
            for &giver in givers.get(fact).into_iter().flatten().filter(|giver| **giver != index) {
                after.entry(giver).or_insert(*edge);
            }
        }
        after
    });
    waits.collect()
}

/// Sorts the steps topologically; ties stay in the given order. Fails with the steps that form a cycle.
fn sorted(waits: &[BTreeMap<usize, Edge>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut left: Vec<usize> = waits.iter().map(BTreeMap::len).collect();
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); waits.len()];
    for (index, after) in waits.iter().enumerate() {
        for &before in after.keys() {
            waiting.get_mut(before).into_iter().for_each(|waiting| waiting.push(index));
        }
    }
    let mut ready: BTreeSet<usize> =
        left.iter().enumerate().filter(|(_, left)| **left == 0).map(|(index, _)| index).collect();
    let mut order = Vec::with_capacity(waits.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &next in waiting.get(index).into_iter().flatten() {
            let Some(left) = left.get_mut(next) else { continue };
            *left -= 1;
            if *left == 0 {
                ready.insert(next);
            }
        }
    }
    if order.len() == waits.len() {
        return Ok(order);
    }
    Err(left.iter().enumerate().filter(|(_, left)| **left > 0).map(|(index, _)| index).collect())
}

/// Resources by the names that other resources use to refer to them.
struct Names<'a> {
    desired: &'a Desired,
    roles: BTreeMap<&'a str, &'a Name>,
    functions: BTreeMap<&'a str, &'a Name>,
    log_groups: BTreeMap<&'a str, &'a Name>,
    all_keys: BTreeSet<&'a Name>,
    all_functions: BTreeSet<&'a Name>,
    all_apis: BTreeSet<&'a Name>,
    all_domains: BTreeSet<&'a Name>,
}

impl<'a> Names<'a> {
    fn new(desired: &'a Desired, world: &'a World) -> Self {
        let wanted = desired.roles.iter().map(|(name, role)| (role.arn.as_str(), name));
        let seen = world.roles.iter().map(|(name, role)| (role.spec.arn.as_str(), name));
        Self {
            desired,
            roles: wanted.chain(seen).collect(),
            functions: desired
                .functions
                .iter()
                .map(|(name, function)| (function.spec.function_name.as_str(), name))
                .collect(),
            log_groups: desired
                .log_groups
                .iter()
                .map(|(name, group)| (group.group_name.as_str(), name))
                .collect(),
            all_keys: desired.keys.keys().chain(world.keys.keys()).collect(),
            all_functions: desired.functions.keys().chain(world.functions.keys()).collect(),
            all_apis: desired.apis.keys().chain(world.apis.keys()).collect(),
            all_domains: desired.domains.keys().chain(world.domains.keys()).collect(),
        }
    }

    fn role(&self, arn: &str) -> Option<ResourceId> {
        self.roles.get(arn).map(|name| ResourceId::new(Kind::Role, name))
    }

    /// Returns the functions that an API calls, found by the function names in its invocation URIs.
    fn called_by(&self, api: &Name) -> BTreeSet<ResourceId> {
        let parts = self.desired.apis.get(api).into_iter().flat_map(|api| api.parts.values());
        let uris = parts.filter_map(|part| match part {
            api::Part::Authorizer(authorizer) => authorizer.uri.as_deref(),
            api::Part::Method(method) => method.integration.uri.as_deref(),
            _ => None,
        });
        let names = uris.filter_map(|uri| uri.split_once(":function:")?.1.split([':', '/']).next());
        names
            .filter_map(|name| self.functions.get(name))
            .map(|name| ResourceId::new(Kind::Function, name))
            .collect()
    }
}

/// Adds the facts about other resources that a step waits for.
fn across(names: &Names<'_>, draft: &mut Draft) {
    draft.needs.extend(draft.op.refers_to().into_iter().map(|fact| (Edge::CreateBeforeReference, fact)));
    match draft.op.clone() {
        Op::Key { op, .. } => key_needs(names, draft, &op),
        Op::Role { op, .. } => role_needs(names, draft, &op),
        Op::LogGroup { op, .. } => log_group_needs(names, draft, &op),
        Op::Function { name, op } => function_needs(names, draft, (&name, &op)),
        Op::Api { name, op } => api_needs(names, draft, (&name, &op)),
        Op::Domain { op, .. } => domain_needs(names, draft, &op),
    }
}

fn need(draft: &mut Draft, edge: Edge, resource: ResourceId, aspect: Aspect) {
    draft.needs.insert((edge, Fact::new(resource, aspect)));
}

fn key_needs(names: &Names<'_>, draft: &mut Draft, op: &key::Op) {
    if let key::Op::Create { spec: key::Spec { policy, .. } } | key::Op::PutPolicy { policy } = op {
        for role in key::policy::named_arns(policy).into_iter().filter_map(|arn| names.role(arn)) {
            need(draft, Edge::RoleBeforeKeyPolicy, role, Aspect::Exists);
        }
    }
    let edge = match op {
        key::Op::PutPolicy { .. } if draft.narrows => Edge::FunctionBeforeKeyNarrowing,
        key::Op::ScheduleDeletion { .. } | key::Op::Disable | key::Op::DeleteAlias { .. } => {
            Edge::FunctionBeforeKeyRemoval
        }
        _ => return,
    };
    released_by_functions(names, draft, edge);
}

/// Makes a step that takes away something functions may rely on wait until each function is gone or has no alias to an
/// old version left.
fn released_by_functions(names: &Names<'_>, draft: &mut Draft, edge: Edge) {
    for function in &names.all_functions {
        for aspect in [Aspect::Gone, Aspect::Routing] {
            need(draft, edge, ResourceId::new(Kind::Function, function), aspect);
        }
    }
}

fn role_needs(names: &Names<'_>, draft: &mut Draft, op: &role::Op) {
    let removes = matches!(op, role::Op::Delete);
    if !draft.narrows {
        return;
    }
    released_by_functions(names, draft, Edge::FunctionBeforeRoleRemoval);
    for key in names.all_keys.iter().filter(|_| removes) {
        for aspect in [Aspect::KeyPolicy, Aspect::Gone] {
            need(draft, Edge::KeyPolicyBeforeRoleRemoval, ResourceId::new(Kind::Key, key), aspect);
        }
    }
}

fn log_group_needs(names: &Names<'_>, draft: &mut Draft, op: &log_group::Op) {
    match op {
        log_group::Op::Create { spec: log_group::Spec { kms_key: Some(_), .. } }
        | log_group::Op::AssociateKey { .. } => {
            for key in &names.all_keys {
                for aspect in [Aspect::KeyPolicy, Aspect::Usable] {
                    need(draft, Edge::KeyPolicyBeforeLogGroup, ResourceId::new(Kind::Key, key), aspect);
                }
            }
        }
        log_group::Op::Delete => {
            let functions = names.all_functions.iter().map(|name| ResourceId::new(Kind::Function, name));
            let apis = names.all_apis.iter().map(|name| ResourceId::new(Kind::Api, name));
            for resource in functions.chain(apis) {
                for aspect in [Aspect::Gone, Aspect::Detached] {
                    need(draft, Edge::FunctionBeforeLogGroupRemoval, resource.clone(), aspect);
                }
            }
        }
        _ => {}
    }
}

fn function_needs(names: &Names<'_>, draft: &mut Draft, (name, op): (&Name, &function::Op)) {
    let starts = matches!(
        op,
        function::Op::Create { .. }
            | function::Op::Configure { .. }
            | function::Op::UpdateCode { .. }
            | function::Op::CreateAlias { .. }
            | function::Op::MoveAlias { .. }
    );
    if let Some(want) = names.desired.functions.get(name).filter(|_| starts) {
        function_start_needs(names, draft, &want.spec.config);
    }
    if let function::Op::Mark { role: Some(role), .. } = op
        && let Some(role) = names.role(role)
    {
        need(draft, Edge::RoleBeforeFunction, role, Aspect::Exists);
    }
    let removes = matches!(
        op,
        function::Op::Delete | function::Op::DeleteAlias { .. } | function::Op::RemovePermission { .. }
    );
    // A removal never waits for a wanted function, so this cannot create a cycle.
    for api in names.all_apis.iter().filter(|_| removes) {
        for aspect in [Aspect::Gone, Aspect::Detached, Aspect::Served] {
            need(draft, Edge::ApiBeforeFunctionRemoval, ResourceId::new(Kind::Api, api), aspect);
        }
    }
    debug_assert!(!removes || draft.narrows, "{name}: removals narrow");
}

/// Adds the facts that must hold before traffic runs on new code or configuration, or is routed to it.
fn function_start_needs(names: &Names<'_>, draft: &mut Draft, config: &function::Config) {
    if let Some(role) = names.role(&config.role) {
        for aspect in [Aspect::Exists, Aspect::Permissions] {
            need(draft, Edge::RoleBeforeFunction, role.clone(), aspect);
        }
    }
    if let Some(group) = names.log_groups.get(config.log_group.as_str()) {
        let group = ResourceId::new(Kind::LogGroup, group);
        need(draft, Edge::LogGroupBeforeFunction, group, Aspect::Exists);
    }
    // Waits for every key, not only those that the function uses: its environment may name other keys or be encrypted
    // under one.
    for key in names.desired.keys.keys() {
        let key = ResourceId::new(Kind::Key, key);
        need(draft, Edge::KeyPolicyBeforeFunction, key.clone(), Aspect::KeyPolicy);
        need(draft, Edge::KeyPolicyBeforeFunction, key.clone(), Aspect::Usable);
        need(draft, Edge::KeyAliasBeforeFunction, key, Aspect::KeyAlias);
    }
}

fn domain_needs(names: &Names<'_>, draft: &mut Draft, op: &domain::Op) {
    if let domain::Op::Map { .. } | domain::Op::Remap { .. } = op {
        for api in &names.all_apis {
            need(draft, Edge::StageBeforeDomain, ResourceId::new(Kind::Api, api), Aspect::Served);
        }
    }
}

fn api_needs(names: &Names<'_>, draft: &mut Draft, (name, op): (&Name, &api::Op)) {
    let stage = match op {
        api::Op::CreateStage { stage, .. } => Some(&**stage),
        api::Op::UpdateStage { to, .. } => Some(&**to),
        _ => None,
    };
    if let Some(log) = stage.and_then(|stage| stage.access_log.as_ref()) {
        let group = names.log_groups.iter().find(|(group, _)| log.destination.ends_with(*group));
        if let Some((_, group)) = group {
            let group = ResourceId::new(Kind::LogGroup, group);
            need(draft, Edge::LogGroupBeforeStage, group, Aspect::Exists);
        }
    }
    if matches!(op, api::Op::Delete | api::Op::DeleteStage { .. }) {
        for domain in &names.all_domains {
            need(
                draft,
                Edge::DomainBeforeApiRemoval,
                ResourceId::new(Kind::Domain, domain),
                Aspect::Detached,
            );
        }
    }
    if matches!(op, api::Op::CreateStage { .. } | api::Op::MoveStage { .. }) {
        for function in names.called_by(name) {
            for aspect in [Aspect::Configuration, Aspect::Code, Aspect::Routing, Aspect::InvokePermission] {
                need(draft, Edge::FunctionBeforeStage, function.clone(), aspect);
            }
        }
    }
}
