use serde_json::{Value, json};

use super::case::Case;

const ROLE: &str = "arn:aws:iam::111122223333:role/f";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/f/run";
const USER: &str = "arn:aws:iam::111122223333:user/u";
const OUTSIDER: &str = "arn:aws:iam::444455556666:role/p";
const ROOT: &str = "111122223333";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

fn policy(statements: impl IntoIterator<Item = Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": Value::from_iter(statements)})
}

fn allow(principal: &str, action: &str) -> Value {
    json!({"Sid": "A", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"})
}

fn deny(principal: Value) -> Value {
    json!({"Sid": "D", "Effect": "Deny", "Principal": principal, "Action": "kms:*", "Resource": "*"})
}

fn may(action: &str) -> Value {
    policy([json!({"Sid": "M", "Effect": "Allow", "Action": action, "Resource": "*"})])
}

/// A caller, a key and a call, which tests change part by part.
struct World(Value);

impl World {
    fn of(arn: &str) -> Self {
        let account = arn.split(':').nth(4).unwrap_or_default();
        let (kind, id) = match arn.split(':').nth(5).map(|resource| resource.split('/').next().unwrap()) {
            Some("role") => ("role", "AROAF"),
            Some("assumed-role") => ("assumed-role", "AROAF"),
            Some("user") => ("user", "AIDAU"),
            Some("root") => ("root", account),
            _ => ("service", ""),
        };
        Self(json!({
            "id": "", "key": {"arn": KEY, "account": ROOT, "policy": policy([])},
            "principal": {"arn": arn, "type": kind, "account": account, "unique_id": id, "role_arn": ROLE},
            "request": {"action": "kms:Decrypt"}
        }))
    }

    fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.0.pointer_mut(parent).unwrap()[name] = value;
        self
    }

    fn key(self, statements: impl IntoIterator<Item = Value>) -> Self {
        self.with("/key/policy", policy(statements))
    }

    fn identity(self, document: Value) -> Self {
        self.with("/principal/identity_policies", json!([{"name": "p", "document": document}]))
    }

    fn grant(self, grant: Value) -> Self {
        self.with("/key/grants", json!([grant]))
    }

    fn action(self, action: &str) -> Self {
        self.with("/request/action", json!(action))
    }

    #[track_caller]
    fn is(&self, expected: &str) {
        let case: Case = serde_json::from_value(self.0.clone()).unwrap();
        let decision = case.decide().unwrap();
        let statements = decision.statements.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let got = format!("{} {} {statements}", decision.outcome.as_str(), decision.reason);
        assert_eq!(got.trim(), expected);
    }
}

#[test]
fn an_allow_to_a_role_is_limited_and_one_to_a_session_or_user_is_not() {
    let nothing = may("s3:*");
    for (caller, principal, expected) in [
        (ROLE, ROLE, "implicit_deny boundary_no_allow"),
        (ROLE, "AROAF", "implicit_deny boundary_no_allow"),
        (ROLE, SESSION, "implicit_deny no_key_policy_path"),
        (ROLE, "*", "allow key_policy_direct key_policy:A"),
        (SESSION, ROLE, "implicit_deny boundary_no_allow"),
        (SESSION, SESSION, "allow key_policy_direct key_policy:A"),
        (SESSION, "*", "allow key_policy_direct key_policy:A"),
        (USER, USER, "allow key_policy_direct key_policy:A"),
        (USER, "AIDAU", "allow key_policy_direct key_policy:A"),
        (USER, "AIDAOLD", "implicit_deny no_key_policy_path"),
        (USER, ROOT, "implicit_deny boundary_no_allow"),
    ] {
        let world = World::of(caller).key([allow(principal, "kms:*")]).identity(may("kms:*"));
        world.with("/principal/boundary", nothing.clone()).is(expected);
    }
    let world = World::of(SESSION).with("/principal/session_policies", json!([nothing, may("sqs:*")]));
    world.key([allow(ROLE, "kms:*")]).is("implicit_deny session_no_allow");
}

#[test]
fn the_account_delegates_to_identity_policies() {
    let world = || World::of(ROLE).key([allow(ROOT, "kms:D*")]);
    world().is("implicit_deny no_identity_allow");
    world().identity(may("kms:*")).is("allow iam_via_delegation identity:p/M key_policy:A");
    world().identity(may("kms:*")).action("kms:Encrypt").is("implicit_deny no_key_policy_path");
    World::of(ROLE).identity(may("kms:*")).is("implicit_deny no_key_policy_path");
    World::of(ROLE)
        .key([allow("444455556666", "kms:*")])
        .identity(may("kms:*"))
        .is("implicit_deny no_key_policy_path");
}

#[test]
fn other_accounts_need_both_sides() {
    let world = || World::of(OUTSIDER).key([allow(OUTSIDER, "kms:*")]);
    world().is("implicit_deny no_identity_allow");
    world().identity(may("kms:*")).is("allow cross_account_key_policy_and_iam identity:p/M key_policy:A");
    World::of(OUTSIDER).identity(may("kms:*")).is("implicit_deny no_key_policy_path");
    world().identity(may("kms:*")).action("kms:PutKeyPolicy").is("implicit_deny cross_account_operation");
    world()
        .identity(may("kms:*"))
        .action("kms:GetKeyRotationStatus")
        .is("allow cross_account_key_policy_and_iam identity:p/M key_policy:A");
    let open = World::of(OUTSIDER).key([allow("*", "kms:*")]);
    open.is("implicit_deny no_identity_allow");
    let account = World::of(OUTSIDER).key([allow("444455556666", "kms:*")]).identity(may("kms:*"));
    account.with("/principal/boundary", may("s3:*")).is("implicit_deny boundary_no_allow");
}

#[test]
fn a_deny_wins_wherever_it_stands() {
    let refuse = policy([json!({"Effect": "Deny", "Action": "kms:*", "Resource": "*"})]);
    let level = |document: &Value| json!([{"target": "r", "policies": [may("*"), document]}]);
    let world = || World::of(SESSION).key([allow(SESSION, "kms:*")]);
    world()
        .key([allow(SESSION, "kms:*"), deny(json!({"AWS": ROOT}))])
        .is("explicit_deny explicit_deny_key_policy key_policy:D");
    world().identity(refuse.clone()).is("explicit_deny explicit_deny_identity identity:p/#0");
    world()
        .with("/principal/boundary", refuse.clone())
        .is("explicit_deny explicit_deny_boundary boundary:#0");
    let session = json!([refuse]);
    world().with("/principal/session_policies", session).is("explicit_deny explicit_deny_session session:#0");
    world().with("/principal/scps", level(&refuse)).is("explicit_deny explicit_deny_scp scp:r/#0");
    let guard = json!([{"target": "r", "policies": [policy([deny(json!("*"))])]}]);
    world().with("/key/rcps", guard.clone()).is("explicit_deny explicit_deny_rcp rcp:r/D");
    let managed = world().with("/key/rcps", guard).with("/key/manager", json!("AWS"));
    managed.is("allow key_policy_direct key_policy:A");
}

#[test]
fn every_level_of_service_control_policies_must_allow() {
    let scps = json!([{"target": "r", "policies": [may("*")]}, {"target": "ou", "policies": [may("s3:*")]}]);
    let world = |arn: &str| World::of(arn).key([allow("*", "kms:*")]).with("/principal/scps", scps.clone());
    world(ROLE).is("implicit_deny scp_no_allow");
    world("arn:aws:iam::111122223333:root").is("implicit_deny scp_no_allow");
    let management = json!({"management_account": ROOT});
    world(ROLE).with("/principal/org", management).is("allow key_policy_direct key_policy:A");
    for (is_of_principal, expected) in
        [(true, "allow key_policy_direct key_policy:A"), (false, "implicit_deny scp_no_allow")]
    {
        let org = json!({"management_account": is_of_principal});
        world(ROLE).with("/principal/account", json!(ROOT)).with("/principal/org", org).is(expected);
    }
    let linked = "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";
    world(linked).is("allow key_policy_direct key_policy:A");
    let of_key = World::of(OUTSIDER).key([allow("*", "kms:*")]).identity(may("kms:*"));
    of_key
        .with("/key/account_scps", scps)
        .is("allow cross_account_key_policy_and_iam identity:p/M key_policy:A");
}

#[test]
fn the_root_user_needs_the_key_policy_only() {
    let root = "arn:aws:iam::111122223333:root";
    World::of(root).is("implicit_deny no_key_policy_path");
    World::of(root).key([allow(ROOT, "kms:*")]).is("allow root_user_account_principal key_policy:A");
    World::of(root).key([allow("*", "kms:*")]).is("allow key_policy_direct key_policy:A");
    World::of(root).action("kms:CreateKey").is("allow iam_only_no_key_resource");
}

#[test]
fn services_are_named_by_name() {
    let service = "logs.eu-west-1.amazonaws.com";
    let named = |name: &str| json!({"Sid": "S", "Effect": "Allow", "Principal": {"Service": name}, "Action": "kms:*", "Resource": "*"});
    World::of(service).key([named(service)]).is("allow key_policy_direct key_policy:S");
    World::of(service)
        .key([named("logs.amazonaws.com"), allow(ROOT, "kms:*")])
        .is("implicit_deny no_key_policy_path");
    World::of(ROLE).key([named(service)]).identity(may("kms:*")).is("implicit_deny no_key_policy_path");
    let grant = json!({"GrantId": "g", "GranteeServicePrincipal": service, "Operations": ["Decrypt"]});
    World::of(service).grant(grant).is("allow grant grant:g");
}

#[test]
fn calls_without_a_key_are_for_identity_policies() {
    let world = || World::of(ROLE).key([allow(ROLE, "kms:*"), deny(json!("*"))]).action("kms:ListKeys");
    world().is("implicit_deny no_identity_allow");
    world().identity(may("kms:List*")).is("allow iam_only_no_key_resource identity:p/M");
    let scoped =
        policy([json!({"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "arn:aws:kms:*:*:key/*"})]);
    world().identity(scoped).is("implicit_deny no_identity_allow");
}

#[test]
fn not_principal_spares_only_who_is_listed_in_full() {
    let spare = |listed: &[&str]| {
        let mut statement = deny(json!("*"));
        statement.as_object_mut().unwrap().remove("Principal");
        statement["NotPrincipal"] = json!({"AWS": listed});
        statement
    };
    for (caller, listed, spared) in [
        (USER, &[USER, ROOT][..], true),
        (USER, &[USER], false),
        (USER, &[ROOT], false),
        (ROLE, &[ROLE, ROOT], true),
        (SESSION, &[ROLE, ROOT], false),
        (SESSION, &[ROLE, ROOT, SESSION], true),
        (OUTSIDER, &[ROLE, ROOT, SESSION], false),
    ] {
        let world = World::of(caller).key([allow("*", "kms:*"), spare(listed)]).identity(may("kms:*"));
        let case: Case = serde_json::from_value(world.0.clone()).unwrap();
        assert_eq!(case.decide().unwrap().is_allow(), spared, "{caller} {listed:?}");
        let bound = world.with("/principal/boundary", may("kms:*"));
        bound.is("explicit_deny explicit_deny_key_policy key_policy:D");
    }
}

#[test]
fn grants_allow_what_they_list_under_their_constraints() {
    let grant = |constraints: Value| json!({"GrantId": "g", "GranteePrincipal": ROLE, "Operations": ["Decrypt", "DescribeKey"], "Constraints": constraints});
    let subset = json!({"EncryptionContextSubset": {"a": "1"}});
    let equals = json!({"EncryptionContextEquals": {"a": "1"}});
    let (allowed, refused) = ("allow grant grant:g", "implicit_deny no_key_policy_path");
    for (constraints, context, expected) in [
        (json!({}), json!({}), allowed),
        (subset.clone(), json!({"a": "1", "b": "2"}), allowed),
        (subset.clone(), json!({"b": "2"}), refused),
        (subset, json!({"a": "2"}), refused),
        (equals.clone(), json!({"a": "1"}), allowed),
        (equals.clone(), json!({"a": "1", "b": "2"}), refused),
    ] {
        let world = World::of(SESSION).grant(grant(constraints));
        world.with("/request/encryption_context", context).is(expected);
    }
    World::of(SESSION).grant(grant(equals)).action("kms:DescribeKey").is(allowed);
    World::of(SESSION).grant(grant(json!({}))).action("kms:Encrypt").is(refused);
    World::of(USER).grant(grant(json!({}))).is(refused);
    let deleted = json!({"GrantId": "g", "GranteePrincipal": "AROAOLD", "Operations": ["Decrypt"]});
    World::of(ROLE).grant(deleted).is(refused);
    let outside = json!({"GrantId": "g", "GranteePrincipal": OUTSIDER, "Operations": ["Decrypt"]});
    World::of(OUTSIDER).grant(outside.clone()).is("implicit_deny no_identity_allow");
    World::of(OUTSIDER).grant(outside).identity(may("kms:*")).is("allow grant grant:g identity:p/M");
}

#[test]
fn a_service_linked_role_uses_the_grant_of_its_own_account_without_a_policy() {
    const LINKED: &str = "arn:aws:iam::444455556666:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    let (allowed, refused) = ("allow grant grant:g", "implicit_deny no_identity_allow");
    let (own, owner) = ("arn:aws:iam::444455556666:root", "arn:aws:iam::111122223333:root");
    for (caller, grantee, issuer, expected) in [
        (LINKED, LINKED, json!(own), allowed),
        (LINKED, LINKED, json!("444455556666"), allowed),
        (LINKED, LINKED, json!(owner), refused),
        (LINKED, LINKED, json!(null), refused),
        (LINKED, own, json!(own), refused),
        (LINKED, OUTSIDER, json!(own), "implicit_deny no_key_policy_path"),
        (OUTSIDER, OUTSIDER, json!(own), refused),
    ] {
        let grant = json!({"GrantId": "g", "GranteePrincipal": grantee, "IssuingAccount": issuer, "Operations": ["Decrypt"]});
        World::of(caller).grant(grant).is(expected);
    }
    let grant = |role: &str| json!({"GrantId": "g", "GranteePrincipal": role, "IssuingAccount": own, "Operations": ["Decrypt"]});
    for name in
        ["AWSServiceRoleForX", "aws-service-role/AWSServiceRoleForX", "aws-service-role/x.amazonaws.com/r"]
    {
        let role = format!("arn:aws:iam::444455556666:role/{name}");
        World::of(&role).grant(grant(&role)).is(refused);
    }
    let session = "arn:aws:sts::444455556666:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling";
    let world = || World::of(session).with("/principal/role_arn", json!(LINKED)).grant(grant(LINKED));
    world().is(allowed);
    world().action("kms:Encrypt").is("implicit_deny no_key_policy_path");
    world().key([deny(json!("*"))]).is("explicit_deny explicit_deny_key_policy key_policy:D");
    let refuse = policy([json!({"Effect": "Deny", "Action": "kms:*", "Resource": "*"})]);
    world().identity(refuse).is("explicit_deny explicit_deny_identity identity:p/#0");
}

#[test]
fn a_grant_passes_on_no_more_than_it_gives() {
    let parent = json!({"GrantId": "g", "GranteePrincipal": ROLE, "Operations": ["Decrypt", "CreateGrant"],
        "Constraints": {"EncryptionContextSubset": {"a": "1"}}});
    for (child, expected) in [
        (
            json!({"Operations": ["Decrypt"], "Constraints": {"EncryptionContextSubset": {"a": "1", "b": "2"}}}),
            "allow grant grant:g",
        ),
        (
            json!({"Operations": ["Decrypt"], "Constraints": {"EncryptionContextEquals": {"a": "1"}}}),
            "allow grant grant:g",
        ),
        (json!({"Operations": ["Decrypt"]}), "implicit_deny no_key_policy_path"),
        (
            json!({"Operations": ["Encrypt"], "Constraints": {"EncryptionContextEquals": {"a": "1"}}}),
            "implicit_deny no_key_policy_path",
        ),
    ] {
        let world = World::of(ROLE).grant(parent.clone()).action("kms:CreateGrant");
        world.with("/request/create_grant", child).is(expected);
    }
}

#[test]
fn a_grant_says_who_may_retire_it() {
    let grant = json!({"GrantId": "g", "GranteePrincipal": USER, "RetiringPrincipal": OUTSIDER, "Operations": ["Decrypt"],
        "IssuingAccount": "arn:aws:iam::111122223333:root"});
    let world = |arn: &str| {
        World::of(arn).grant(grant.clone()).action("kms:RetireGrant").with("/request/grant_id", json!("g"))
    };
    world(OUTSIDER).is("allow retiring_principal grant:g");
    world(OUTSIDER).with("/request/grant_id", json!("h")).is("implicit_deny retire_grant_not_authorized");
    world(USER).is("implicit_deny retire_grant_not_authorized");
    world(ROLE)
        .identity(may("kms:*"))
        .key([allow(ROLE, "kms:*")])
        .is("implicit_deny retire_grant_not_authorized");
    world("arn:aws:iam::111122223333:root").is("allow root_user_account_principal grant:g");
    world(OUTSIDER).key([deny(json!("*"))]).is("allow retiring_principal grant:g");
    let refuse = policy([json!({"Effect": "Deny", "Action": "kms:RetireGrant", "Resource": "*"})]);
    world(OUTSIDER).identity(refuse).is("explicit_deny explicit_deny_identity identity:p/#0");
}

#[test]
fn resources_of_identity_policies_are_key_arns() {
    let on = |resource: &str| {
        policy([json!({"Sid": "M", "Effect": "Allow", "Action": "kms:*", "Resource": resource})])
    };
    let world = || World::of(USER).key([allow(ROOT, "kms:*")]).with("/principal/tags", json!({"k": "k"}));
    for (resource, allowed) in [
        (KEY, true),
        ("arn:aws:kms:*:111122223333:key/*", true),
        ("arn:aws:kms:eu-west-1:111122223333:key/?", true),
        ("arn:aws:kms:eu-west-1:111122223333:key/${aws:PrincipalTag/k}", true),
        ("arn:aws:kms:eu-west-1:${aws:PrincipalAccount}:key/k", false),
        ("arn:aws:kms:eu-west-1:111122223333:key/K", false),
        ("arn:aws:kms:eu-west-1:111122223333:alias/k", false),
        ("arn:aws:kms:us-east-1:111122223333:key/k", false),
        ("k", false),
    ] {
        let allow = "allow iam_via_delegation identity:p/M key_policy:A";
        world().identity(on(resource)).is(if allowed { allow } else { "implicit_deny no_identity_allow" });
    }
}
