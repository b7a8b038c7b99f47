//! A small stack like that of the README, and the reports on its plans.

mod breaks;
mod cases;
mod drift;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::plan::{Style, document, text};
use super::{AccessLine, Paint, PlanView, Summary, blocked};
use crate::kinds::function::RoleMark;
use crate::kinds::{Ids, Name, World};
use crate::plan::small_worlds::fixtures;
use crate::plan::{Plan, PlanError, plan};
use crate::stack::desired::{Desired, Line, Probe, ProbeStep, ProbeTarget};

/// Returns the text-encryption API, whose function runs under a role.
pub fn stack(role: &str) -> Desired {
    let mut desired = fixtures::empty();
    desired.stack = "text-encryption".to_owned();
    desired.env = "test".to_owned();
    desired.keys = BTreeMap::from([("text".into(), fixtures::key())]);
    for role in ["encrypt-test", "encrypt-prod"] {
        desired.roles.insert(role.into(), fixtures::role(role));
    }
    let mut encrypt = fixtures::function("encrypt", role, &["text"]);
    encrypt
        .uses
        .insert("text".into(), ["Encrypt", "Decrypt", "GenerateDataKey"].map(|a| format!("kms:{a}")).into());
    encrypt.spec.config.timeout = 30;
    encrypt.probe = Some(probe());
    desired.functions.insert("encrypt".into(), encrypt);
    desired.log_groups.insert("encrypt".into(), fixtures::log_group("encrypt"));
    desired.apis.insert("text".into(), fixtures::api("encrypt"));
    for (path, line) in [
        ("keys.text", 14),
        ("roles.encrypt-prod", 27),
        ("functions.encrypt", 29),
        ("functions.encrypt.role", 31),
    ] {
        desired.lines.insert(path.to_owned(), Line { file: "stack.yaml".to_owned(), line, column: 5 });
    }
    desired
}

fn probe() -> Probe {
    Probe {
        target: ProbeTarget::Route {
            api: "text".into(),
            method: "POST".to_owned(),
            path: "/encrypt".to_owned(),
        },
        body: serde_json::json!({"text": "probe"}),
        then: vec![ProbeStep {
            method: "POST".to_owned(),
            path: "/decrypt".to_owned(),
            body: serde_json::json!({"ciphertext": "${answer.ciphertext}"}),
            expect: 200,
            expect_body: None,
        }],
        expect: 200,
        successes: 3,
        timeout: 60,
        scopes: BTreeSet::new(),
    }
}

/// Returns AWS after the plan for a stack was applied.
pub fn applied(desired: &Desired) -> World {
    let mut world = fixtures::nothing();
    let plan = plan(desired, &world).unwrap();
    for step in plan.steps() {
        world.apply(&step.op).unwrap();
    }
    world.ids = Ids::default();
    world
}

/// Returns AWS after someone changed the role of the function by hand.
pub fn swapped_by_hand() -> World {
    let mut world = applied(&stack("encrypt-test"));
    world.functions.get_mut(&Name::from("encrypt")).unwrap().config.role = fixtures::role_arn("encrypt-prod");
    world
}

fn access(role: &str) -> Vec<AccessLine> {
    vec![AccessLine {
        function: "encrypt".into(),
        role: role.into(),
        key: "text".into(),
        actions: ["Encrypt", "Decrypt", "GenerateDataKey"].map(str::to_owned).into(),
        decision: "allow".to_owned(),
        statements: BTreeSet::from(["key_policy:UseByEncrypt".to_owned()]),
    }]
}

fn shown(desired: &Desired, world: &World, style: Style) -> String {
    let plan = plan(desired, world).unwrap();
    let role = &desired.functions[&Name::from("encrypt")].spec.config.role;
    let access = access(role.rsplit_once("-e-").unwrap().1);
    text(&document(&PlanView { desired, world, plan: &plan, access: &access, unproved: None }), style)
}

#[test]
fn mending_a_role_that_was_recreated_reads_like_two_swaps() {
    let mut stack = stack("encrypt-test");
    let encrypt = stack.functions.get_mut(&Name::from("encrypt")).unwrap();
    encrypt.spec.config.env.insert("KEY".to_owned(), "k".to_owned());
    let mut world = applied(&stack);
    let role = world.roles.get_mut(&Name::from("encrypt-test")).unwrap();
    let key = world.keys.get_mut(&Name::from("text")).unwrap();
    crate::kinds::key::policy::replace_arn_with_unique_id(&mut key.spec.policy, &role.spec.arn, "AROAOLD");
    role.role_id = "AROANEW".to_owned();
    let old = RoleMark::new("AROAOLD", &fixtures::role_arn("encrypt-test"));
    world.functions.get_mut(&Name::from("encrypt")).unwrap().marks.role = Some(old);
    insta::assert_snapshot!(shown(&stack, &world, Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    problems now
      ! functions.encrypt was configured with encrypt-test before that role was deleted and re-created: Lambda cannot decrypt its environment variables, and every request fails
        lockstep apply moves it to a role that stands in, and back: only that renews Lambda's grant (stack.yaml:31)
      ! functions.encrypt runs as encrypt-test, which the policy of keys.text does not allow Encrypt, Decrypt, GenerateDataKey (it names AROAOLD, the role of that name before it was re-created): every request that needs the key fails
        lockstep apply puts UseByEncrypt into the key policy (stack.yaml:29)

    phase 1  widen
      ~ keys.text                     encrypt-test gains Encrypt, Decrypt, GenerateDataKey
                                      encrypt-test+stand-in gains Encrypt, Decrypt, GenerateDataKey
                                      AROAOLD loses Encrypt, Decrypt, GenerateDataKey
      + roles.encrypt-test+stand-in   path              /lockstep/s/e/
                                      description       Stands in for encrypt-test while the grant of Lambda is renewed
                                      trust             lambda.amazonaws.com
                                      managed_policies  service-role/Basic
      ~ functions.encrypt             role  encrypt-test -> encrypt-test+stand-in
      ? probe                         POST /encrypt then POST /decrypt, until 3 in a row succeed
    phase 2  return, after the probe
      ~ keys.text                     re-apply its policy, wait until it is in effect
      ~ functions.encrypt             role  encrypt-test+stand-in -> encrypt-test
      ? probe                         POST /encrypt then POST /decrypt, until 3 in a row succeed
    phase 3  narrow, after the probe and a drain of 30 s
      ~ keys.text                     encrypt-test+stand-in loses Encrypt, Decrypt, GenerateDataKey
      - roles.encrypt-test+stand-in   is deleted with its policies

    access after apply
      functions.encrypt as encrypt-test   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 1 to add, 2 to change, 1 to destroy.
    "#);
}

#[test]
fn a_request_that_had_to_start_its_function_is_waited_for_as_well() {
    let world = applied(&stack("encrypt-test"));
    let mut stack = stack("encrypt-prod");
    stack.place.longest_init = 10;
    let text = shown(&stack, &world, Style::default());
    assert!(text.contains("narrow, after the probe and a drain of 40 s"), "{text}");
}

#[test]
fn a_swap_reads_like_the_design() {
    let text = shown(&stack("encrypt-prod"), &applied(&stack("encrypt-test")), Style::default());
    insta::assert_snapshot!(text, @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    phase 1  widen
      ~ keys.text           encrypt-prod gains Encrypt, Decrypt, GenerateDataKey; encrypt-test keeps them
      ~ functions.encrypt   role  encrypt-test -> encrypt-prod
      ? probe               POST /encrypt then POST /decrypt, until 3 in a row succeed
    phase 2  narrow, after the probe and a drain of 30 s
      ~ keys.text           encrypt-test loses Encrypt, Decrypt, GenerateDataKey

    access after apply
      functions.encrypt as encrypt-prod   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 0 to add, 2 to change, 0 to destroy.
    "#);
}

#[test]
fn a_first_plan_lists_what_is_made() {
    insta::assert_snapshot!(shown(&stack("encrypt-test"), &fixtures::nothing(), Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    phase 1  create
      + keys.text            encrypt-test gains Encrypt, Decrypt, GenerateDataKey
                             account 111122223333 gains Describe*, PutKeyPolicy
                             spec   SYMMETRIC_DEFAULT
                             usage  ENCRYPT_DECRYPT
      + roles.encrypt-prod   path              /lockstep/s/e/
                             trust             lambda.amazonaws.com
                             managed_policies  service-role/Basic
      + roles.encrypt-test   path              /lockstep/s/e/
                             trust             lambda.amazonaws.com
                             managed_policies  service-role/Basic
      + log_groups.encrypt   name       /aws/lambda/s-e-encrypt
                             retention  30 d
      + functions.encrypt    role     encrypt-test
                             runtime  provided.al2023
                             memory   128 MB
                             timeout  30 s
                             code     1
      + apis.text            endpoint_type         REGIONAL
                             routes POST /encrypt  s-e-encrypt
                             deployment            fp-encrypt
                             stage.name            v1
      ? probe                POST /encrypt then POST /decrypt, until 3 in a row succeed

    access after apply
      functions.encrypt as encrypt-test   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 6 to add, 0 to change, 0 to destroy.
    "#);
}

#[test]
fn nothing_to_do_is_said_in_a_line() {
    let stack = stack("encrypt-test");
    insta::assert_snapshot!(shown(&stack, &applied(&stack), Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    No changes. AWS has what the stack file says.
    "#);
}

#[test]
fn a_swap_by_hand_is_named_before_the_plan() {
    insta::assert_snapshot!(shown(&stack("encrypt-test"), &swapped_by_hand(), Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    problems now
      ! functions.encrypt runs as encrypt-prod, which the policy of keys.text does not allow Encrypt, Decrypt, GenerateDataKey: every request fails
        lockstep apply puts it back to encrypt-test (stack.yaml:31), or change that line to encrypt-prod

    phase 1  change
      ~ functions.encrypt   role  encrypt-prod -> encrypt-test
      ? probe               POST /encrypt then POST /decrypt, until 3 in a row succeed

    access after apply
      functions.encrypt as encrypt-test   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 0 to add, 1 to change, 0 to destroy.
    "#);
}

#[test]
fn what_goes_has_a_minus() {
    let (had, mut wants) = (stack("encrypt-test"), stack("encrypt-test"));
    wants.roles.remove(&Name::from("encrypt-prod"));
    wants.apis.clear();
    insta::assert_snapshot!(shown(&wants, &applied(&had), Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    phase 1  remove
      - roles.encrypt-prod   is deleted with its policies
      - apis.text

    access after apply
      functions.encrypt as encrypt-test   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 0 to add, 0 to change, 2 to destroy.
    "#);
}

#[test]
fn verbose_shows_the_text_of_policies() {
    let style = Style { verbose: true, ..Style::default() };
    insta::assert_snapshot!(shown(&stack("encrypt-prod"), &applied(&stack("encrypt-test")), style), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    phase 1  widen
      ~ keys.text           encrypt-prod gains Encrypt, Decrypt, GenerateDataKey; encrypt-test keeps them
                            policy
                                    ],
                                    "Effect": "Allow",
                                    "Principal": {
                            -         "AWS": "arn:aws:iam::111122223333:role/lockstep/s/e/s-e-encrypt-test"
                            +         "AWS": [
                            +           "arn:aws:iam::111122223333:role/lockstep/s/e/s-e-encrypt-prod",
                            +           "arn:aws:iam::111122223333:role/lockstep/s/e/s-e-encrypt-test"
                            +         ]
                                    },
                                    "Resource": "*",
                                    "Sid": "UseByEncrypt"
      ~ functions.encrypt   role  encrypt-test -> encrypt-prod
      ? probe               POST /encrypt then POST /decrypt, until 3 in a row succeed
    phase 2  narrow, after the probe and a drain of 30 s
      ~ keys.text           encrypt-test loses Encrypt, Decrypt, GenerateDataKey
                            policy
                                    ],
                                    "Effect": "Allow",
                                    "Principal": {
                            -         "AWS": [
                            -           "arn:aws:iam::111122223333:role/lockstep/s/e/s-e-encrypt-prod",
                            -           "arn:aws:iam::111122223333:role/lockstep/s/e/s-e-encrypt-test"
                            -         ]
                            +         "AWS": "arn:aws:iam::111122223333:role/lockstep/s/e/s-e-encrypt-prod"
                                    },
                                    "Resource": "*",
                                    "Sid": "UseByEncrypt"

    access after apply
      functions.encrypt as encrypt-prod   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 0 to add, 2 to change, 0 to destroy.
    "#);
}

#[test]
fn settings_are_in_columns_and_secrets_are_hidden() {
    let mut wants = stack("encrypt-test");
    wants.keys.insert("other".into(), fixtures::key());
    let encrypt = wants.functions.get_mut(&Name::from("encrypt")).unwrap();
    encrypt.spec.config.memory = 256;
    encrypt.spec.config.env.insert("API_TOKEN".to_owned(), "hush-hush".to_owned());
    encrypt.spec.config.env.insert("KEY_ID".to_owned(), "${lockstep:keys.other.arn}".to_owned());
    encrypt.spec.code.source = "2".repeat(64);
    wants.keys.get_mut(&Name::from("text")).unwrap().spec.rotation = Some(365);
    let world = applied(&stack("encrypt-test"));
    insta::assert_snapshot!(shown(&wants, &world, Style::default()), @r#"
    text-encryption/test · eu-west-1 · account 111122223333

    phase 1  change
      + keys.other          account 111122223333 gains Describe*, PutKeyPolicy
                            spec   SYMMETRIC_DEFAULT
                            usage  ENCRYPT_DECRYPT
      ~ keys.text           rotation  (none) -> 365 d
      ~ functions.encrypt   memory         128 MB -> 256 MB
                            env.API_TOKEN  (none) -> (hidden)
                            env.KEY_ID     (none) -> (known after apply: keys.other.arn)
                            code           1      -> 222222222222
      ? probe               POST /encrypt then POST /decrypt, until 3 in a row succeed

    access after apply
      functions.encrypt as encrypt-test   keys.text   Encrypt Decrypt GenerateDataKey   allow (key policy, UseByEncrypt)

    Plan: 1 to add, 2 to change, 0 to destroy.
    "#);
    let plan = plan(&wants, &world).unwrap();
    let json = serde_json::to_string(&document(&PlanView {
        desired: &wants,
        world: &world,
        plan: &plan,
        access: &[],
        unproved: None,
    }));
    assert!(!json.unwrap().contains("hush-hush"));
}

#[test]
fn colours_are_used_only_when_asked_for() {
    let (stack, world) = (stack("encrypt-prod"), applied(&stack("encrypt-test")));
    assert!(!shown(&stack, &world, Style::default()).contains('\u{1b}'));
    let style = Style { paint: Paint { colour: true }, verbose: false };
    let coloured = shown(&stack, &world, style);
    assert!(coloured.contains("\u{1b}[33m~\u{1b}[0m keys.text"), "{coloured:?}");
}

#[test]
fn resources_are_counted_and_not_steps() {
    let plan = plan(&stack("encrypt-test"), &fixtures::nothing()).unwrap();
    assert_eq!(Summary::of(&plan), Summary { add: 6, change: 0, destroy: 0 });
    assert!(plan.steps().count() > 6);
    assert_eq!(
        Summary::of(&Plan::default()).applied(Duration::from_millis(1_250)),
        "Apply complete: 0 added, 0 changed, 0 destroyed in 1.2 s."
    );
}

#[test]
fn what_is_in_the_way_is_listed_with_its_remedy() {
    let (had, mut wants) = (stack("encrypt-test"), stack("encrypt-test"));
    wants.keys.get_mut(&Name::from("text")).unwrap().spec.key_spec = "RSA_2048".to_owned();
    let Err(PlanError::Blocked(blocked)) = plan(&wants, &applied(&had)) else { panic!("a plan") };
    insta::assert_snapshot!(blocked::text(&blocked, Paint::default()), @r#"
    error: keys.text: -/+ `spec` from "SYMMETRIC_DEFAULT" to "RSA_2048": KMS can never change it, and replacing the key would make everything unreadable that was encrypted under it
     --> stack.yaml:14:5
      = help: declare a second key under another name, and move the functions to it

    there is no plan: 1 problem must be solved first
    "#);
}
