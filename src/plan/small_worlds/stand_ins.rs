//! Tests of re-created roles: the grants that Lambda holds for a function, and that repairing them gives no one more
//! access.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{alias as alias_to, role_arn};
use super::rich::{function_of, key_of, n};
use super::scenarios::{self as way, Scenario};
use super::{BOTH, ProofInput, apply, ops, settle};
use crate::access::{PolicyDocument, Principal, Statement};
use crate::kinds::{Ids, Name, Op, World, function, key, role};
use crate::plan::access::actions;
use crate::plan::stand_in::obstacle;
use crate::plan::{Purpose, Rollback, original, plan, plan_by};
use crate::stack::desired::Desired;

/// IDs of the roles that Lambda created its grants for, for `$LATEST` of each function and for its versions.
#[derive(Clone, Default)]
struct Grants(BTreeMap<(Name, String), String>);

const LATEST: &str = "$LATEST";

impl Grants {
    /// Returns the grants of a world in which no role has been re-created.
    fn of(world: &World) -> Self {
        let mut grants = Self::default();
        for (name, seen) in &world.functions {
            let versions = seen.versions.iter().map(|(number, version)| (number.as_str(), &version.config));
            for (version, config) in versions.chain([(LATEST, &seen.config)]) {
                grants.give(world, (name, version), config);
            }
        }
        grants
    }

    fn give(&mut self, world: &World, (name, version): (&Name, &str), config: &function::Config) {
        if let Some(role) = world.roles.values().find(|role| role.spec.arn == config.role) {
            self.0.insert((name.clone(), version.to_owned()), role.role_id.clone());
        }
    }

    /// Follows one operation as Lambda does: a grant is created when a role changes, and a version keeps the grant of
    /// the configuration that it was published from.
    fn follow(&mut self, before: &World, op: &Op, after: &World) {
        let Op::Function { name, op } = op else { return };
        let Some(now) = after.functions.get(name) else { return };
        match op {
            function::Op::Create { .. } => self.give(after, (name, LATEST), &now.config),
            // It is not known whether adding the first environment creates a grant; the model assumes that it does not.
            function::Op::Configure { config } if before.functions[name].config.role != config.role => {
                self.give(after, (name, LATEST), config);
            }
            function::Op::Publish => {
                let old = &before.functions[name].versions;
                let latest = self.0.get(&(name.clone(), LATEST.to_owned())).cloned();
                for number in now.versions.keys().filter(|number| !old.contains_key(*number)) {
                    self.0.extend(latest.clone().map(|id| ((name.clone(), number.clone()), id)));
                }
            }
            _ => {}
        }
    }

    /// Asserts that everything that serves traffic has a grant to the role that it runs under.
    fn hold(&self, world: &World, what: &str) {
        for (name, seen) in &world.functions {
            let routed = seen.aliases.values().flat_map(function::SeenAlias::versions);
            let versions = routed.map(|version| (version.as_str(), &seen.versions[version].config));
            for (version, config) in versions.chain([(LATEST, &seen.config)]) {
                if config.env.is_empty() {
                    continue;
                }
                let role = world.roles.values().find(|role| role.spec.arn == config.role).unwrap();
                let holds = self.0.get(&(name.clone(), version.to_owned()));
                assert_eq!(holds, Some(&role.role_id), "{what}: {name}:{version}");
            }
        }
    }
}

fn ways() -> [Scenario; 7] {
    [
        way::role_recreated_and_moved(),
        way::role_recreated_and_environment(),
        way::role_recreated_with_statements(),
        way::role_recreated(),
        way::roles_recreated(),
        way::role_recreated_and_swap(),
        way::role_gone_with_environment(),
    ]
}

/// Returns the worlds that a plan passes through with the grants in each, including the start.
fn followed(way: &Scenario, start: (World, Grants), rules: super::Rules) -> Vec<(World, Grants)> {
    let course = ProofInput::new(&way.from, &way.to);
    let plan = plan_by(&way.to, &start.0, rules).unwrap();
    let passed = apply(&plan, &course, &start.0).unwrap_or_else(|fault| panic!("{}: {fault:#?}", way.name));
    let mut all = vec![start];
    for ((_, op), world) in ops(&plan).into_iter().zip(passed) {
        let (before, mut grants) = all.last().cloned().unwrap();
        grants.follow(&before, op, &world);
        all.push((world, grants));
    }
    all
}

#[test]
fn lambda_gets_its_grant_back_wherever_a_run_ends() {
    for way in ways() {
        for rules in BOTH {
            let grants = Grants::of(&super::made(&way.from));
            let whole = followed(&way, (way.start(), grants), rules);
            assert!(whole.len() > 4, "{}: there is nothing to mend", way.name);
            for (step, stopped) in whole.into_iter().enumerate() {
                let (world, grants) = followed(&way, stopped, rules).pop().unwrap();
                grants.hold(&world, &format!("{}, stopped after step {step}", way.name));
                assert!(!world.roles.keys().any(|name| original(name).is_some()), "a stand-in is left");
            }
        }
    }
}

#[test]
fn mending_gives_nobody_more_and_names_nobody_dead() {
    for way in ways() {
        let plan = plan(&way.to, &way.start()).unwrap();
        let worlds = settle(&ProofInput::new(&way.from, &way.to), &way.start(), BOTH[0]).unwrap();
        let last = worlds.last().unwrap().clone();
        for (name, stand_in) in worlds.iter().flat_map(|world| &world.roles) {
            let Some(original) = original(name) else { continue };
            let spec = &way.to.roles[&Name::from(original)];
            let same = role::Spec {
                role_name: spec.role_name.clone(),
                arn: spec.arn.clone(),
                description: spec.description.clone(),
                tags: spec.tags.clone(),
                ..stand_in.spec.clone()
            };
            assert!(same.managed.is_subset(&spec.managed) && same.trust == spec.trust, "{}", way.name);
            assert!(same.inline.iter().all(|policy| spec.inline.get(policy.0) == Some(policy.1)));
            let may = |world: &World, key: &Name, arn: &str| -> BTreeSet<String> {
                let policy = world.keys.get(key).map(|key| &key.spec.policy);
                let principal = Principal::Arn(arn.to_owned());
                policy.map(|policy| actions(policy, &principal)).unwrap_or_default()
            };
            for (world, key) in worlds.iter().flat_map(|world| world.keys.keys().map(move |key| (world, key)))
            {
                let has = may(world, key, &stand_in.spec.arn);
                assert!(has.is_subset(&may(&last, key, &spec.arn)), "{}: {has:?} on {key}", way.name);
            }
        }
        for step in plan.steps() {
            let policy = match &step.op {
                Op::Key { op: key::Op::PutPolicy { policy }, .. } => policy,
                Op::Key { op: key::Op::Create { spec }, .. } => &spec.policy,
                Op::Role { op: role::Op::PutTrust { trust }, .. } => trust,
                _ => continue,
            };
            assert!(key::policy::dead_ids(policy).is_empty(), "{}: {:?}", way.name, step.op);
        }
    }
}

#[test]
fn a_function_that_moves_on_needs_no_stand_in() {
    for way in [way::role_recreated_and_swap(), way::role_recreated_without_environment()] {
        let plan = plan(&way.to, &way.start()).unwrap();
        let stand_ins = plan.steps().filter(|step| original(&step.resource.name).is_some());
        assert_eq!(stand_ins.count(), 0, "{}", way.name);
    }
}

#[test]
fn where_a_stand_in_would_not_do_everything_else_is_mended() {
    let mut pinned = way::role_recreated();
    let live = |stack: &mut Desired| {
        let aliases = &mut function_of(stack, "first").spec.aliases;
        aliases.insert("live".to_owned(), alias_to(function::Version::Number("1".to_owned())));
    };
    live(&mut pinned.to);
    let mut denied = way::role_recreated();
    let deny = |stack: &mut Desired| {
        let deny = Statement::deny("No").principal_aws([role_arn("a")]).actions(["kms:Sign"]).resource("*");
        let policy = &mut key_of(stack, "text").spec.policy;
        *policy = PolicyDocument::new(policy.statements().iter().cloned().chain([deny]).collect::<Vec<_>>());
    };
    deny(&mut denied.to);
    // New code rewrites its marks, but the mark of the role stays.
    function_of(&mut denied.to, "first").spec.code.source = "2".to_owned();
    for (way, why) in
        [(pinned, "the alias live routes to version 1"), (denied, "a statement of keys.text denies")]
    {
        let start = way.start();
        let plan = plan(&way.to, &start).unwrap();
        assert!(!plan.steps().any(|step| original(&step.resource.name).is_some()), "{why}");
        assert!(obstacle(&way.to, &start, &n("first")).unwrap().why.starts_with(why));
        let end = apply(&plan, &ProofInput::new(&way.from, &way.to), &start).unwrap().pop().unwrap();
        // An unrepaired function is reported until it is repaired.
        assert!(end.is_cut_off(&end.functions[&n("first")]), "{why}");
    }
}

#[test]
fn a_version_is_the_same_again_when_references_are_filled_in() {
    let way = way::role_recreated_and_moved();
    let mut ids = Ids::default();
    for (name, value) in
        [("keys.text.arn", "arn:aws:kms:eu-west-1:111122223333:key/1"), ("apis.api.id", "a1")]
    {
        ids.set(name.to_owned(), value);
    }
    let start: World = ids.resolve(&way.start()).unwrap();
    assert_ne!(start.functions[&n("first")].config.env, way.to.functions[&n("first")].spec.config.env);
    let start = World { ids, ..start };
    let stands_in = |world: &World| {
        let plan = plan(&way.to, world).unwrap();
        plan.steps().any(|step| original(&step.resource.name).is_some())
    };
    assert!(stands_in(&start));
    // Even a caller that may not list roles knows about this one.
    let mut hidden = start;
    let listing = crate::kinds::ResourceId::new(crate::kinds::Kind::Role, &n("*"));
    hidden.unread.insert(listing, "denied".to_owned());
    assert!(stands_in(&hidden));
}

#[test]
fn a_failed_return_goes_back_without_numbers_that_only_lambda_knows() {
    let way = way::role_recreated();
    let plan = plan(&way.to, &way.start()).unwrap();
    let [_, back, narrow] = plan.phases.as_slice() else { panic!("{plan:#?}") };
    assert_eq!(back.purpose, Purpose::Return);
    let ways = &narrow.gate.as_ref().unwrap().rollback;
    let [Rollback { ops, .. }] = ways.as_slice() else { panic!("{ways:#?}") };
    let [configure, publish, alias] = ops.as_slice() else { panic!("{ops:#?}") };
    let function_op = |op: &Op| match op {
        Op::Function { op, .. } => op.clone(),
        other => panic!("{other:?}"),
    };
    let function::Op::Configure { config } = function_op(configure) else { panic!("{configure:?}") };
    assert!(config.role.ends_with(role::STAND_IN), "{}", config.role);
    assert_eq!(function_op(publish), function::Op::Publish);
    let latest = alias_to(function::Version::Latest);
    assert_eq!(function_op(alias), function::Op::MoveAlias { alias: "live".to_owned(), target: latest });
}

#[test]
fn requests_under_roles_of_the_start_are_waited_for_at_the_end() {
    let slow = |stack: &mut Desired| {
        let second = function_of(stack, "second");
        second.spec.config.timeout = 60;
        second.uses.clear();
    };
    let mut way = way::role_recreated_and_other_swap();
    slow(&mut way.from);
    slow(&mut way.to);
    let plan = plan(&way.to, &way.start()).unwrap();
    assert_eq!(plan.phases.len(), 3);
    assert_eq!(plan.phases[2].gate.as_ref().unwrap().drain, 60);
}
