//! Which resources belong to the stack, and which do not.

use std::collections::BTreeSet;

use crate::support::{Inventory, Project};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Creates a role and a key that have names of the stack, but do not carry its tags.
async fn foreign(project: &Project, name: &str) {
    let name = format!("text-encryption-test-{name}");
    let iam = &project.sdk.iam;
    let role = iam.create_role().role_name(&name).path("/lockstep/text-encryption/test/");
    role.assume_role_policy_document(TRUST).send().await.unwrap();
    let key = project.sdk.kms.create_key().send().await.unwrap();
    let alias = project.sdk.kms.create_alias().alias_name(format!("alias/{name}"));
    alias.target_key_id(key.key_metadata().unwrap().key_id()).send().await.unwrap();
}

#[tokio::test]
async fn what_left_the_file_is_deleted_and_nothing_else() {
    let mut project = Project::deployed().await;
    foreign(&project, "beside").await;
    let before = Inventory::take(&project.sdk).await;

    let role = "  guest: { managed_policies: [service-role/AWSLambdaBasicExecutionRole] }\n";
    let function = "  guest:
    code: { dir: text-encryption }
    runtime: provided.al2023
    role: guest
    timeout: 2s
    env: { KEY_ID: \"${keys.text.alias}\" }
    keys: { text: [encrypt] }
";
    let api = "  guest:\n    routes: { POST /encrypt: { function: guest } }\n    stage: { name: v1 }\n";
    for (under, added) in [("roles:\n", role), ("functions:\n", function), ("apis:\n", api)] {
        project.edit(&format!("\n{under}"), &format!("\n{under}{added}"));
    }
    project.apply().await.ok().says("Apply complete: 4 added, 1 changed, 0 destroyed");
    project.is_settled().await;
    let with_guest = Inventory::take(&project.sdk).await;
    assert_eq!((with_guest.count("function"), with_guest.count("api")), (3, 2));

    for added in [role, function, api] {
        project.edit(added, "");
    }
    project.apply().await.ok().says("Apply complete: 0 added, 1 changed, 4 destroyed");
    project.round_trip("hello").await;
    project.is_settled().await;
    Inventory::take(&project.sdk).await.is(&before);
}

#[tokio::test]
async fn a_name_that_is_taken_blocks_the_plan() {
    let project = Project::new().await;
    foreign(&project, "encrypt-test").await;
    let before = Inventory::take(&project.sdk).await;
    for args in [&["plan"][..], &["apply", "--auto-approve"], &["bootstrap", "--auto-approve"]] {
        let run = project.run(args).await.ends_with(1).says("roles.encrypt-test");
        run.says("exists already and does not carry the tags of this stack");
    }
    Inventory::take(&project.sdk).await.is(&before);
    let iam = &project.sdk.iam;
    iam.delete_role().role_name("text-encryption-test-encrypt-test").send().await.unwrap();
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project.is_settled().await;
}

/// Ids of the keys of an environment.
async fn keys(project: &Project, env: &str) -> BTreeSet<String> {
    let aliases = project.sdk.kms.list_aliases().send().await.unwrap();
    let prefix = format!("alias/text-encryption-{env}-");
    let ours = aliases.aliases().iter().filter(|alias| alias.alias_name().unwrap().starts_with(&prefix));
    ours.map(|alias| alias.target_key_id().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn destroyed_keys_come_back_with_the_stack() {
    let project = Project::deployed().await;
    let before = keys(&project, "test").await;
    assert_eq!(before.len(), 2);
    let token = project.token().await;
    let encrypted = project.call(&token, "/encrypt", &serde_json::json!({ "text": "kept" })).await;
    let ciphertext = encrypted.json().unwrap()["ciphertext"].clone();

    project.run(&["destroy", "--auto-approve"]).await.ok();
    assert_eq!(keys(&project, "test").await, BTreeSet::new());
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    assert_eq!(keys(&project, "test").await, before);
    let token = project.token().await;
    let decrypted = project.call(&token, "/decrypt", &serde_json::json!({ "ciphertext": ciphertext })).await;
    assert_eq!(decrypted.json().unwrap()["text"], "kept", "{}", decrypted.text());
    project.is_settled().await;
}

#[tokio::test]
async fn a_protected_environment_is_not_removed_by_accident() {
    let mut project = Project::deployed().await;
    let prod = ["--env", "prod"];
    project.run(&[&["bootstrap", "--auto-approve"][..], &prod].concat()).await.ok();
    // A resource that was removed from the file stays until it is named.
    let apply = [&["apply", "--auto-approve"][..], &prod].concat();
    let guest = "  guest: { managed_policies: [] }\n";
    project.edit("\nroles:\n", &format!("\nroles:\n{guest}"));
    project.run(&apply).await.ok();
    project.edit(guest, "");
    project.run(&apply).await.ends_with(1).says("the plan deletes roles.guest").says("--delete roles.guest");
    project.run(&[&apply[..], &["--delete", "roles.guest"]].concat()).await.ok().says("1 destroyed");
    let both = Inventory::take(&project.sdk).await;
    let destroy = [&["destroy", "--auto-approve"][..], &prod].concat();
    project.run(&destroy).await.ends_with(1).says("the environment `prod` is protected");
    project.run(&[&destroy[..], &["--protected", "test"]].concat()).await.ends_with(1);
    // The same is true for a saved plan.
    project.run(&[&["plan", "--destroy", "--out", "destroy.json"][..], &prod].concat()).await.ok();
    let apply = [&["apply", "destroy.json"][..], &prod].concat();
    project.run(&apply).await.ends_with(1).says("the environment `prod` is protected").says("keys.text");
    Inventory::take(&project.sdk).await.is(&both);

    project.run(&["destroy", "--auto-approve"]).await.ok();
    let of_prod = keys(&project, "prod").await;
    assert_eq!((keys(&project, "test").await.len(), of_prod.len()), (0, 2));
    // Each function and role is named after its environment.
    let named = |name: &str| name.contains("-prod-") || of_prod.iter().any(|key| name.contains(key));
    Inventory::take(&project.sdk).await.only(named).is(&both.only(named));
    project.run(&[&["plan", "--detailed-exitcode"][..], &prod].concat()).await.ok();

    project.run(&[&destroy[..], &["--protected", "prod"]].concat()).await.ok();
    assert_eq!(keys(&project, "prod").await, BTreeSet::new());
    project.run(&[&["plan", "--destroy"][..], &prod].concat()).await.ok().says("No changes");
}
