//! Tests which differences drift reports as breaking, and which not: the evaluator decides.

use std::collections::BTreeSet;

use super::drift::{drift, function, key, role, text};
use super::{applied, stack};
use crate::access::{Grant, PolicyDocument, Principal, Readable, Statement};
use crate::kinds::{Name, World};
use crate::plan::plan;
use crate::plan::prove::{AccessContext, Evidence};
use crate::plan::small_worlds::fixtures;
use crate::report::Drift;
use crate::report::drift::{Observed, Rank};
use crate::stack::desired::Desired;

fn ranks(desired: &Desired, world: &World) -> Vec<(Rank, String, String)> {
    let findings = drift(desired, world).findings.into_iter();
    findings.map(|finding| (finding.rank, finding.resource, finding.what)).collect()
}

fn policy_with(world: &mut World, edit: impl Fn(Statement) -> Statement) {
    let statements = key(world).spec.policy.statements().to_vec().into_iter();
    let edited =
        statements.map(|one| if one.sid.as_deref() == Some("UseByEncrypt") { edit(one) } else { one });
    key(world).spec.policy = PolicyDocument::new(edited);
}

#[test]
fn a_key_policy_that_allows_more_breaks_nothing() {
    let stack = stack("encrypt-test");
    let mut world = applied(&stack);
    policy_with(&mut world, |statement| statement.actions(["kms:*"]));
    let found = ranks(&stack, &world);
    assert!(found.iter().all(|(rank, ..)| *rank == Rank::Security) && found.len() == 1, "{found:?}");

    let mut world = applied(&stack);
    policy_with(&mut world, |statement| {
        let principals = crate::access::Clause::Is(BTreeSet::from([Principal::Everyone]));
        Statement { principals, ..statement }.condition(
            crate::access::Operator::ARN_EQUALS,
            "aws:PrincipalArn",
            [fixtures::role_arn("encrypt-test")],
        )
    });
    let found = ranks(&stack, &world);
    assert!(found.iter().all(|(rank, ..)| *rank >= Rank::Security) && !found.is_empty(), "{found:?}");
}

#[test]
fn a_denial_in_the_key_policy_breaks_the_function_that_it_hits() {
    let stack = stack("encrypt-test");
    let mut world = applied(&stack);
    let deny = Statement {
        effect: crate::access::Effect::Deny,
        principals: crate::access::Clause::Is(BTreeSet::from([Principal::Everyone])),
        ..Statement::allow("NoDecrypt").actions(["kms:Decrypt"]).resource("*")
    };
    let statements = key(&mut world).spec.policy.statements().to_vec();
    key(&mut world).spec.policy = PolicyDocument::new(statements.into_iter().chain([deny]));
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-test, which is explicitly denied Decrypt on keys.text (by key_policy:NoDecrypt): every request that needs this fails
        lockstep apply restores the policy of keys.text (stack.yaml:29)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
}

fn deny_encrypt() -> PolicyDocument {
    let deny = Statement::allow("NoEncrypt").actions(["kms:Encrypt"]).resource("*");
    PolicyDocument::new([Statement { effect: crate::access::Effect::Deny, ..deny }])
}

/// Returns the stack, and AWS after it was applied, with every policy of every role readable.
fn readable() -> (Desired, World) {
    let mut stack = stack("encrypt-test");
    for role in stack.roles.values_mut() {
        role.managed.clear();
    }
    let world = applied(&stack);
    (stack, world)
}

#[test]
fn a_denial_put_on_the_role_breaks_its_function_and_is_taken_away_first() {
    let (stack, mut world) = readable();
    role(&mut world, "encrypt-test").spec.inline.insert("mine".to_owned(), deny_encrypt());
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-test, which is explicitly denied Encrypt on keys.text (by identity:mine/NoEncrypt): every request that needs this fails
        lockstep apply restores the policies and the boundary of encrypt-test

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
    let plan = plan(&stack, &world).unwrap();
    let first = &plan.phases[0];
    assert_eq!(first.purpose, crate::plan::Purpose::Widen);
    assert!(first.gate.is_none(), "a probe cannot succeed before the denial is gone");
    assert_eq!(plan.steps().count(), 1);
    let mut mended = world.clone();
    for step in plan.steps() {
        mended.apply(&step.op).unwrap();
    }
    assert!(gaps(&stack, &mended).is_empty());
    assert!(crate::plan::plan(&stack, &mended).unwrap().is_empty());

    // The same with a managed policy that can be read, beside one that allows too much, which is removed later.
    let (stack, mut world) = readable();
    let arn = |name: &str| format!("arn:aws:iam::111122223333:policy/{name}");
    let managed = &mut role(&mut world, "encrypt-test").spec.managed;
    managed.extend([arn("deny"), arn("admin")]);
    let admin = PolicyDocument::new([Statement::allow("All").actions(["*"]).resource("*")]);
    world.managed_documents.extend([(arn("deny"), deny_encrypt()), (arn("admin"), admin)]);
    assert_eq!(ranks(&stack, &world)[0].0, Rank::Breaks);
    let plan = crate::plan::plan(&stack, &world).unwrap();
    let steps =
        |phase: &crate::plan::Phase| phase.steps.iter().map(|step| step.op.clone()).collect::<Vec<_>>();
    let detach = |name| crate::kinds::Op::Role {
        name: "encrypt-test".into(),
        op: crate::kinds::role::Op::Detach { arn: arn(name) },
    };
    assert_eq!(
        plan.phases.iter().map(steps).collect::<Vec<_>>(),
        [vec![detach("deny")], vec![detach("admin")]]
    );
}

#[test]
fn a_boundary_without_kms_caps_a_role_that_the_key_policy_names() {
    let (stack, mut world) = readable();
    let arn = "arn:aws:iam::111122223333:policy/boundary".to_owned();
    role(&mut world, "encrypt-test").spec.boundary = Some(arn.clone());
    let logs = PolicyDocument::new([Statement::allow("Logs").actions(["logs:*"]).resource("*")]);
    world.managed_documents.insert(arn, logs);
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-test, whose permissions boundary does not allow Encrypt, Decrypt, GenerateDataKey on keys.text: every request that needs the key fails
        lockstep apply restores the policies and the boundary of encrypt-test

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
}

#[test]
fn no_concurrency_and_no_trust_stop_every_request() {
    let stack = stack("encrypt-test");
    let mut world = applied(&stack);
    function(&mut world).reserved_concurrency = Some(0);
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt has a reserved concurrency of 0: every request is throttled
        lockstep apply restores it (stack.yaml:29)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);

    let mut world = applied(&stack);
    role(&mut world, "encrypt-test").spec.trust = PolicyDocument::new([Statement::allow("Trust")
        .principal_aws(["arn:aws:iam::999999999999:root"])
        .actions(["sts:AssumeRole"])]);
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-test, whose trust policy does not let Lambda assume it: Lambda cannot start the function, and every request fails
        lockstep apply restores the trust policy of encrypt-test

    security
      ! roles.encrypt-test has another trust: more is allowed than the stack file says
        lockstep apply takes it away, or declare it in the stack file

    Drift: 1 breaks, 1 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
}

#[test]
fn a_stage_throttled_by_hand_is_told_with_units() {
    let mut stack = stack("encrypt-test");
    let settings =
        |millis| crate::kinds::api::MethodSettings { rate_millis: Some(millis), ..Default::default() };
    let api = stack.apis.get_mut(&Name::from("text")).unwrap();
    api.stage.methods.insert("*/*".to_owned(), settings(50_000));
    let mut world = applied(&stack);
    let stages = &mut world.apis.get_mut(&Name::from("text")).unwrap().stages;
    for stage in stages.values_mut() {
        stage.spec.methods.insert("*/*".to_owned(), settings(5_500));
    }
    let found = ranks(&stack, &world);
    assert_eq!(found[0].2, "has stage throttle rate 5.5 requests/s instead of rate 50 requests/s");
}

#[test]
fn a_foreign_account_in_a_trust_policy_is_one_change() {
    let (stack, mut world) = readable();
    let foreign = Statement::allow("Mine")
        .principal_aws(["arn:aws:iam::999999999999:root"])
        .actions(["sts:AssumeRole"]);
    let trust = &mut role(&mut world, "encrypt-test").spec.trust;
    *trust = PolicyDocument::new([foreign].into_iter().chain(trust.statements().iter().cloned()));
    let plan = plan(&stack, &world).unwrap();
    let puts = plan.steps().filter(|step| {
        matches!(&step.op, crate::kinds::Op::Role { op: crate::kinds::role::Op::PutTrust { .. }, .. })
    });
    assert_eq!(puts.count(), 1);
}

#[test]
fn a_key_without_its_tags_and_one_that_cannot_be_read_are_not_called_missing() {
    let mut stack = stack("encrypt-test");
    stack.keys.get_mut(&Name::from("text")).unwrap().spec.aliases.insert("alias/text".to_owned());
    let mut world = applied(&stack);
    let untagged = world.keys.remove(&Name::from("text")).unwrap();
    let untagged = crate::kinds::key::Seen { id: "1234abcd".to_owned(), ..untagged };
    world.foreign_aliases.insert("alias/text".to_owned(), untagged);
    let found = ranks(&stack, &world);
    assert!(found.iter().all(|(rank, ..)| *rank > Rank::Security), "{found:?}");
    let blocked = found.iter().find(|(_, resource, _)| resource == "keys.text").unwrap();
    assert_eq!(
        blocked.2,
        "blocks planning: `alias/text` points to the key 1234abcd, which does not carry the tags of this stack"
    );

    world.foreign_aliases.clear();
    let resource = crate::kinds::ResourceId::parse("keys.text").unwrap();
    world.unread.insert(resource, "AccessDenied on DescribeKey".to_owned());
    let found = ranks(&stack, &world);
    assert!(found.iter().all(|(rank, ..)| *rank == Rank::Unread) && !found.is_empty(), "{found:?}");
}

/// Returns the stack with a second key and a function that names its key by alias, and AWS after it was applied.
fn by_alias() -> (Desired, World) {
    let mut stack = stack("encrypt-test");
    stack.keys.insert("token".into(), fixtures::key());
    for name in ["text", "token"] {
        let spec = &mut stack.keys.get_mut(&Name::from(name)).unwrap().spec;
        spec.aliases = BTreeSet::from([format!("alias/{name}")]);
    }
    let env = &mut stack.functions.get_mut(&Name::from("encrypt")).unwrap().spec.config.env;
    env.insert("KEY_ID".to_owned(), "alias/text".to_owned());
    let world = applied(&stack);
    (stack, world)
}

#[test]
fn a_function_that_asks_for_another_key_breaks_where_it_may_not_use_that() {
    let (stack, world) = by_alias();
    assert!(drift(&stack, &world).is_empty());

    let mut moved = world.clone();
    for (name, aliases) in [("text", vec![]), ("token", vec!["alias/text", "alias/token"])] {
        let spec = &mut moved.keys.get_mut(&Name::from(name)).unwrap().spec;
        spec.aliases = aliases.into_iter().map(str::to_owned).collect();
    }
    insta::assert_snapshot!(text(&stack, &moved), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt asks for keys.text as KEY_ID=alias/text, which leads to keys.token, on which encrypt-test may not Encrypt, Decrypt, GenerateDataKey: every request that needs this fails
        lockstep apply restores it (stack.yaml:29)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);

    let mut deleted = world.clone();
    key(&mut deleted).spec.aliases.clear();
    insta::assert_snapshot!(text(&stack, &deleted), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt asks for keys.text as KEY_ID=alias/text, which leads to no key: every request that needs it fails
        lockstep apply restores it (stack.yaml:29)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);

    let mut renamed = world.clone();
    function(&mut renamed).config.env.insert("KEY_ID".to_owned(), "alias/token".to_owned());
    insta::assert_snapshot!(text(&stack, &renamed), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt asks for keys.text as KEY_ID=alias/token, which leads to keys.token, on which encrypt-test may not Encrypt, Decrypt, GenerateDataKey: every request that needs this fails
        lockstep apply restores it (stack.yaml:29)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);

    // A key that its role may use nevertheless.
    let token = &mut renamed.keys.get_mut(&Name::from("token")).unwrap().spec;
    token.policy = world.keys[&Name::from("text")].spec.policy.clone();
    assert!(drift(&stack, &renamed).findings.iter().all(|finding| finding.rank > Rank::Breaks));
}

fn gaps(desired: &Desired, world: &World) -> Vec<crate::plan::invariant::Gap> {
    let evidence = Evidence::default();
    crate::plan::invariant::gaps(AccessContext { desired, world, evidence: &evidence })
}

#[test]
fn a_grant_that_gives_more_than_the_file_is_found_and_one_that_lets_a_function_work_is_no_break() {
    let (stack, mut world) = readable();
    let grant = |to: &str, operations: &[&str]| Grant {
        grant_id: "0123abcd".to_owned(),
        grantee_principal: Some(fixtures::role_arn(to)),
        grantee_service_principal: None,
        retiring_principal: None,
        retiring_service_principal: None,
        issuing_account: None,
        operations: operations.iter().map(|&operation| operation.to_owned()).collect(),
        constraints: Default::default(),
    };
    let with = |world: &World, grants: Readable<Vec<Grant>>| {
        let evidence = Evidence { grants: [(Name::from("text"), grants)].into(), ..Evidence::default() };
        let scene = AccessContext { desired: &stack, world, evidence: &evidence };
        let drift = Drift::new(Observed { scene, blocked: &[], claims: &[] });
        let findings = drift.findings.into_iter();
        findings.map(|finding| (finding.rank, finding.what)).collect::<Vec<_>>()
    };
    let known = |grant| Readable::Known(vec![grant]);
    assert_eq!(with(&world, known(grant("encrypt-test", &["Decrypt", "DescribeKey"]))), []);
    let what = "has a grant that lets encrypt-prod Decrypt, which the stack file does not".to_owned();
    assert_eq!(
        with(&world, known(grant("encrypt-prod", &["Decrypt", "DescribeKey"]))),
        [(Rank::Security, what)]
    );
    let unread = with(&world, Readable::unknown("not allowed to kms:ListGrants"));
    assert!(matches!(&unread[..], [(Rank::Unread, what)] if what.contains("ListGrants")), "{unread:?}");

    key(&mut world).spec.policy = fixtures::key().spec.policy;
    let all = grant("encrypt-test", &["Encrypt", "Decrypt", "GenerateDataKey"]);
    let found = with(&world, known(all));
    assert!(found.iter().all(|(rank, _)| *rank > Rank::Breaks), "{found:?}");
}
