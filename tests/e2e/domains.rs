//! A custom domain of the example's API: made after its stage, known by its target, found by its tags, gone before it.

use crate::support::Project;

const DOMAINS: &str = "\ndomains:
  public:
    name: api.example.com
    certificate: arn:aws:acm:ap-northeast-1:000000000000:certificate/one
    paths: { /: text }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_comes_with_its_api_and_goes_before_it() {
    let mut project = Project::new().await;
    project.edit("\n# This must hold in every plan", &format!("{DOMAINS}\n# This must hold in every plan"));
    project
        .run(&["plan"])
        .await
        .ok()
        .says("+ domains.public")
        .says("api.example.com -> (known after apply: domains.public.target)");
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project.is_settled().await;
    project.run(&["drift"]).await.ok();
    let gateway = project.sdk.apigateway.clone();
    let domain = gateway.get_domain_name().domain_name("api.example.com").send().await.unwrap();
    assert_eq!(domain.tags.unwrap()["lockstep:id"], "domains.public");
    let mappings = gateway.get_base_path_mappings().domain_name("api.example.com").send().await.unwrap();
    assert_eq!(mappings.items()[0].stage(), Some("v1"));

    // Someone takes the mapping away.
    let delete = gateway.delete_base_path_mapping().domain_name("api.example.com").base_path("(none)");
    // The answer has no body, which a client for reads takes for one that breaks off.
    let _ = delete.send().await;
    project.run(&["drift"]).await.ends_with(2).says("domains.public");
    project.apply().await.ok();
    project.is_settled().await;

    // What the file no longer has is found by its tags.
    project.edit(DOMAINS, "");
    project.run(&["plan"]).await.ok().says("- domains.public");
    project.apply().await.ok();
    project.is_settled().await;
    project.edit("\n# This must hold in every plan", &format!("{DOMAINS}\n# This must hold in every plan"));
    project.apply().await.ok();
    project.run(&["destroy", "--auto-approve"]).await.ok();
    assert!(gateway.get_domain_name().domain_name("api.example.com").send().await.is_err());
}
