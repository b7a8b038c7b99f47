//! Tests the drift of worlds that were changed by hand.

use std::collections::BTreeSet;

use super::{applied, stack, swapped_by_hand};
use crate::access::{PolicyDocument, Principal, Statement};
use crate::kinds::function::RoleMark;
use crate::kinds::{Name, World, function, key, role};
use crate::plan::prove::{AccessContext, Evidence};
use crate::plan::small_worlds::fixtures;
use crate::plan::{PlanError, plan};
use crate::report::Drift;
use crate::report::drift::{Observed, Rank};
use crate::report::plan::Style;
use crate::stack::desired::Desired;

pub(super) fn drift(desired: &Desired, world: &World) -> Drift {
    let blocked = match plan(desired, world) {
        Err(PlanError::Blocked(blocked)) => blocked,
        _ => Vec::new(),
    };
    let evidence = Evidence::default();
    let scene = AccessContext { desired, world, evidence: &evidence };
    Drift::new(Observed { scene, blocked: &blocked, claims: &[] })
}

pub(super) fn text(desired: &Desired, world: &World) -> String {
    drift(desired, world).text(Style::default())
}

pub(super) fn key(world: &mut World) -> &mut key::Seen {
    world.keys.get_mut(&Name::from("text")).unwrap()
}

pub(super) fn role<'a>(world: &'a mut World, name: &str) -> &'a mut role::Seen {
    world.roles.get_mut(&Name::from(name)).unwrap()
}

pub(super) fn function(world: &mut World) -> &mut function::Seen {
    world.functions.get_mut(&Name::from("encrypt")).unwrap()
}

#[test]
fn no_drift_is_said_in_a_line() {
    let stack = stack("encrypt-test");
    let drift = drift(&stack, &applied(&stack));
    assert!(drift.is_empty(), "{drift:?}");
    insta::assert_snapshot!(drift.text(Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    No drift. AWS has what the stack file says.
    "#);
}

#[test]
fn a_role_swapped_by_hand_is_the_first_line_with_cause_and_remedy() {
    insta::assert_snapshot!(text(&stack("encrypt-test"), &swapped_by_hand()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-prod, which the policy of keys.text does not allow Encrypt, Decrypt, GenerateDataKey: every request fails
        lockstep apply puts it back to encrypt-test (stack.yaml:31), or change that line to encrypt-prod

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
}

#[test]
fn a_statement_taken_out_of_the_key_policy_is_told_once() {
    let stack = stack("encrypt-test");
    let mut world = applied(&stack);
    key(&mut world).spec.policy = fixtures::key().spec.policy;
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-test, which the policy of keys.text does not allow Encrypt, Decrypt, GenerateDataKey: every request that needs the key fails
        lockstep apply puts UseByEncrypt into the key policy (stack.yaml:29)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
}

#[test]
fn keys_that_cannot_be_used_break_their_functions() {
    let stack = stack("encrypt-test");
    let mut world = applied(&stack);
    key(&mut world).spec.enabled = false;
    key(&mut world).state = key::State::PendingDeletion(Some("2026-12-24".to_owned()));
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt uses keys.text, which is going to be deleted on 2026-12-24: every request that needs it fails
        lockstep apply cancels the deletion and enables it

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
    world.keys.clear();
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt uses keys.text, which does not exist: every request that needs it fails
        lockstep apply makes the key (stack.yaml:14)

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);
}

#[test]
fn a_role_that_is_gone_and_one_recreated_break_their_function() {
    let stack = stack("encrypt-test");
    let mut world = applied(&stack);
    world.roles.remove(&Name::from("encrypt-test"));
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt runs as encrypt-test, a role that does not exist: every request fails
        lockstep apply re-creates the role encrypt-test

    Drift: 1 breaks, 0 security, 0 changed, 0 cosmetic, 0 unread.
    "#);

    let mut world = applied(&stack);
    role(&mut world, "encrypt-test").role_id = "AROANEW".to_owned();
    function(&mut world).marks.role = Some(RoleMark::new("AROAOLD", &fixtures::role_arn("encrypt-test")));
    function(&mut world).config.env.insert("A".to_owned(), "b".to_owned());
    let dead = Statement {
        principals: crate::access::Clause::Is(BTreeSet::from([Principal::UniqueId("AROAOLD".to_owned())])),
        ..Statement::allow("UseByEncrypt")
            .actions(["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"])
            .resource("*")
    };
    let statements = fixtures::key().spec.policy.statements().to_vec();
    key(&mut world).spec.policy = PolicyDocument::new(statements.into_iter().chain([dead]));
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt was configured with encrypt-test before that role was deleted and re-created: Lambda cannot decrypt its environment variables, and every request fails
        lockstep apply moves it to a role that stands in, and back: only that renews Lambda's grant (stack.yaml:31)
      ! functions.encrypt runs as encrypt-test, which the policy of keys.text does not allow Encrypt, Decrypt, GenerateDataKey (it names AROAOLD, the role of that name before it was re-created): every request that needs the key fails
        lockstep apply puts UseByEncrypt into the key policy (stack.yaml:29)

    changed
      ~ keys.text names AROAOLD, a principal that was deleted: a role re-created under that name has no access by it
        lockstep apply takes it away (stack.yaml:14)
      ~ functions.encrypt has env.A b, which the stack file lacks: it works differently than the stack file says
        lockstep apply restores it (stack.yaml:29)

    Drift: 2 breaks, 0 security, 2 changed, 0 cosmetic, 0 unread.
    "#);
}

/// Returns a world in which much was changed by hand, with findings of every rank.
fn meddled() -> (Desired, World) {
    let mut stack = stack("encrypt-test");
    stack
        .functions
        .get_mut(&Name::from("encrypt"))
        .unwrap()
        .spec
        .permissions
        .insert("api".to_owned(), fixtures::permission("text", None));
    let mut world = applied(&stack);
    let mut statements = key(&mut world).spec.policy.statements().to_vec();
    statements.push(
        Statement::allow("Mine")
            .principal_aws(["arn:aws:iam::111122223333:user/mallory"])
            .actions(["kms:Decrypt"])
            .resource("*"),
    );
    key(&mut world).spec.policy = PolicyDocument::new(statements);
    key(&mut world).spec.description = "hello <b>@everybody</b>".to_owned();
    key(&mut world)
        .unread
        .insert("rotation".to_owned(), "AccessDeniedException on GetKeyRotationStatus".to_owned());
    role(&mut world, "encrypt-test")
        .spec
        .managed
        .insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    role(&mut world, "encrypt-prod").spec.managed.clear();
    let encrypt = function(&mut world);
    encrypt.config.timeout = 3;
    encrypt.config.env.insert("API_TOKEN".to_owned(), "hush-hush".to_owned());
    encrypt.code_sha256 = "c29tZWJvZHkgZWxzZQ==".to_owned();
    encrypt.permissions.clear();
    encrypt.permissions.insert("other".to_owned(), fixtures::permission("text", None));
    world.log_groups.clear();
    world.unread.insert(
        crate::kinds::ResourceId::parse("roles.audit").unwrap(),
        "AccessDenied on GetRole".to_owned(),
    );
    world.foreign.insert(
        crate::kinds::ResourceId::parse("log_groups.encrypt").unwrap(),
        "`/aws/lambda/s-e-encrypt`".to_owned(),
    );
    (stack, world)
}

#[test]
fn the_worst_comes_first() {
    let (stack, world) = meddled();
    insta::assert_snapshot!(text(&stack, &world), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    breaks
      ! functions.encrypt lacks permissions.api apigateway.amazonaws.com for apis.text: requests that the API sends to it fail
        lockstep apply restores it (stack.yaml:29)

    security
      ! keys.text lets user/mallory Decrypt, which the stack file does not: more is allowed than the stack file says
        lockstep apply takes it away, or declare it in the stack file (stack.yaml:14)
      ! roles.encrypt-test has managed_policies AdministratorAccess, which the stack file lacks: more is allowed than the stack file says
        lockstep apply takes it away, or declare it in the stack file
      ! functions.encrypt has permissions.other apigateway.amazonaws.com for apis.text, which the stack file lacks: others than the stack file says may invoke it
        lockstep apply takes it away, or declare it in the stack file (stack.yaml:29)
      ! functions.encrypt has code uploaded by somebody else, CodeSha256 c29tZWJvZHkgZWxzZQ== instead of 1: code runs that this stack did not upload
        lockstep apply restores it (stack.yaml:29)

    changed
      ~ roles.encrypt-prod lacks managed_policies service-role/Basic: less is allowed than the stack file says
        lockstep apply restores it (stack.yaml:27)
      ~ functions.encrypt has timeout 3 s instead of 30 s; has env.API_TOKEN (hidden), which the stack file lacks: it works differently than the stack file says
        lockstep apply restores it (stack.yaml:29)
      ~ log_groups.encrypt blocks planning: `/aws/lambda/s-e-encrypt` exists already and does not carry the tags of this stack: lockstep cannot mend this by itself
        rename one of the two, or let lockstep take it over by tagging it lockstep:stack=text-encryption, lockstep:env=test, lockstep:id=log_groups.encrypt

    cosmetic
      ~ keys.text has description hello <b>@everybody</b>, which the stack file lacks: no request is affected
        lockstep apply restores it (stack.yaml:14)

    unread
      ? roles.audit could not be read: AccessDenied on GetRole: whether it is as the stack file says is unknown
        let the caller read it
      ? keys.text has a field that could not be read: rotation: AccessDeniedException on GetKeyRotationStatus: whether it is as the stack file says is unknown
        let the caller read it

    Drift: 1 breaks, 4 security, 3 changed, 1 cosmetic, 2 unread.
    "#);
}

#[test]
fn verbose_shows_both_sides() {
    let (stack, mut world) = (stack("encrypt-test"), applied(&stack("encrypt-test")));
    function(&mut world).config.memory = 512;
    let style = Style { verbose: true, ..Style::default() };
    insta::assert_snapshot!(drift(&stack, &world).text(style), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    changed
      ~ functions.encrypt has memory 512 MB instead of 128 MB: it works differently than the stack file says
        lockstep apply restores it (stack.yaml:29)
          memory
            - 512 MB
            + 128 MB

    Drift: 0 breaks, 0 security, 1 changed, 0 cosmetic, 0 unread.
    "#);
}

#[test]
fn markdown_shows_the_worst_and_folds_the_rest() {
    let (stack, world) = meddled();
    // A zero-width space would not be visible in the source.
    let markdown = drift(&stack, &world).markdown().replace('\u{200b}', "<zwsp>");
    insta::assert_snapshot!(markdown, @r#"
    ### Drift of text-encryption/test

    **Drift: 1 breaks, 4 security, 3 changed, 1 cosmetic, 2 unread.** eu-west-1 · account 111122223333

    > **functions.encrypt** lacks permissions.api apigateway.amazonaws.com for apis.text: requests that the API sends to it fail<br>
    > lockstep apply restores it (stack.yaml:29)

    <details><summary>breaks: 1</summary>

    | resource | what | consequence | remedy |
    | --- | --- | --- | --- |
    | functions.encrypt | lacks permissions.api apigateway.amazonaws.com for apis.text | requests that the API sends to it fail | lockstep apply restores it (stack.yaml:29) |

    </details>

    <details><summary>security: 4</summary>

    | resource | what | consequence | remedy |
    | --- | --- | --- | --- |
    | keys.text | lets user/mallory Decrypt, which the stack file does not | more is allowed than the stack file says | lockstep apply takes it away, or declare it in the stack file (stack.yaml:14) |
    | roles.encrypt-test | has managed\_policies AdministratorAccess, which the stack file lacks | more is allowed than the stack file says | lockstep apply takes it away, or declare it in the stack file |
    | functions.encrypt | has permissions.other apigateway.amazonaws.com for apis.text, which the stack file lacks | others than the stack file says may invoke it | lockstep apply takes it away, or declare it in the stack file (stack.yaml:29) |
    | functions.encrypt | has code uploaded by somebody else, CodeSha256 c29tZWJvZHkgZWxzZQ== instead of 1 | code runs that this stack did not upload | lockstep apply restores it (stack.yaml:29) |

    </details>

    <details><summary>changed: 3</summary>

    | resource | what | consequence | remedy |
    | --- | --- | --- | --- |
    | roles.encrypt-prod | lacks managed\_policies service-role/Basic | less is allowed than the stack file says | lockstep apply restores it (stack.yaml:27) |
    | functions.encrypt | has timeout 3 s instead of 30 s; has env.API\_TOKEN (hidden), which the stack file lacks | it works differently than the stack file says | lockstep apply restores it (stack.yaml:29) |
    | log\_groups.encrypt | blocks planning: \`/aws/lambda/s-e-encrypt\` exists already and does not carry the tags of this stack | lockstep cannot mend this by itself | rename one of the two, or let lockstep take it over by tagging it lockstep:stack=text-encryption, lockstep:env=test, lockstep:id=log\_groups.encrypt |

    </details>

    <details><summary>cosmetic: 1</summary>

    | resource | what | consequence | remedy |
    | --- | --- | --- | --- |
    | keys.text | has description hello &lt;b&gt;@<zwsp>everybody&lt;/b&gt;, which the stack file lacks | no request is affected | lockstep apply restores it (stack.yaml:14) |

    </details>

    <details><summary>unread: 2</summary>

    | resource | what | consequence | remedy |
    | --- | --- | --- | --- |
    | roles.audit | could not be read: AccessDenied on GetRole | whether it is as the stack file says is unknown | let the caller read it |
    | keys.text | has a field that could not be read: rotation: AccessDeniedException on GetKeyRotationStatus | whether it is as the stack file says is unknown | let the caller read it |

    </details>
    "#);
}

#[test]
fn a_comment_is_never_too_long() {
    let (stack, mut world) = meddled();
    let why = "no ".repeat(100);
    for number in 0..1_000 {
        world
            .unread
            .insert(crate::kinds::ResourceId::parse(&format!("roles.r{number}")).unwrap(), why.clone());
    }
    let markdown = drift(&stack, &world).markdown();
    assert!(markdown.len() <= 65_535 && markdown.len() > 60_000, "{}", markdown.len());
    assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
    assert!(markdown.contains("more findings, which `lockstep drift` lists"));
}

#[test]
fn json_holds_every_finding_and_no_secret() {
    let (stack, world) = meddled();
    let drift = drift(&stack, &world);
    let json = drift.json();
    assert!(!json.contains("hush-hush") && json.contains("\"format_version\": \"1.0\""));
    assert_eq!(serde_json::from_str::<Drift>(&json).unwrap(), drift);
    let ids: BTreeSet<&str> = drift.findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!(ids.len(), drift.findings.len(), "ids are unique: {ids:?}");
    let total: usize = Rank::ALL.into_iter().map(|rank| drift.counts.of(rank)).sum();
    assert_eq!(total, drift.findings.len());
}
