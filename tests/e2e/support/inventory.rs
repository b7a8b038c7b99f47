//! Everything that is in an AWS, read without the help of the product's own reading.

use std::collections::BTreeMap;
use std::fmt::Debug;

use lockstep::aws::Clients;

/// What there is, by a name such as `role NAME`, in all its detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory(pub BTreeMap<String, String>);

impl Inventory {
    /// Reads everything.
    pub async fn take(sdk: &Clients) -> Self {
        let mut found = Self(BTreeMap::new());
        found.keys(sdk).await;
        found.roles(sdk).await;
        found.functions(sdk).await;
        found.apis(sdk).await;
        found
    }

    /// Returns the names.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Keeps what `wanted` picks by name.
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(self.0.clone().into_iter().filter(|(name, _)| wanted(name)).collect())
    }

    fn add(&mut self, name: String, detail: &dyn Debug) {
        // The id of the request differs from one reading to the next.
        let detail = format!("{detail:?}");
        let detail = detail.split(", _request_id").next().unwrap_or_default().to_owned();
        let before = self.0.insert(name.clone(), detail);
        assert!(before.is_none(), "two of one name: {name}");
    }

    async fn keys(&mut self, sdk: &Clients) {
        for entry in sdk.kms.list_keys().send().await.unwrap().keys() {
            let id = entry.key_id().unwrap();
            let described = sdk.kms.describe_key().key_id(id).send().await.unwrap();
            let key = described.key_metadata().unwrap();
            self.add(format!("key {id}"), key);
            let policy = sdk.kms.get_key_policy().key_id(id).policy_name("default").send().await.unwrap();
            self.add(format!("key {id} policy"), &policy.policy());
            let tags = sdk.kms.list_resource_tags().key_id(id).send().await.unwrap();
            self.add(format!("key {id} tags"), &tags.tags());
        }
        for alias in sdk.kms.list_aliases().send().await.unwrap().aliases() {
            let name = alias.alias_name().unwrap();
            if !name.starts_with("alias/aws/") {
                self.add(format!("alias {name}"), alias);
            }
        }
    }

    async fn roles(&mut self, sdk: &Clients) {
        for role in sdk.iam.list_roles().send().await.unwrap().roles() {
            let name = role.role_name();
            self.add(format!("role {name}"), role);
            let attached = sdk.iam.list_attached_role_policies().role_name(name).send().await.unwrap();
            self.add(format!("role {name} attached"), &attached.attached_policies());
            let inline = sdk.iam.list_role_policies().role_name(name).send().await.unwrap();
            self.add(format!("role {name} inline"), &inline.policy_names());
            let tags = sdk.iam.list_role_tags().role_name(name).send().await.unwrap();
            self.add(format!("role {name} tags"), &tags.tags());
        }
    }

    async fn functions(&mut self, sdk: &Clients) {
        for function in sdk.lambda.list_functions().send().await.unwrap().functions() {
            let name = function.function_name().unwrap();
            self.add(format!("function {name}"), function);
            let tags =
                sdk.lambda.list_tags().resource(function.function_arn().unwrap()).send().await.unwrap();
            let tags: Option<BTreeMap<_, _>> = tags.tags().map(|tags| tags.iter().collect());
            self.add(format!("function {name} tags"), &tags);
            let policy = sdk.lambda.get_policy().function_name(name).send().await.ok();
            self.add(format!("function {name} policy"), &policy.and_then(|policy| policy.policy));
        }
        for group in sdk.logs.describe_log_groups().send().await.unwrap().log_groups() {
            // How much is in it grows with every request.
            let kept = (group.retention_in_days(), group.kms_key_id());
            self.add(format!("log group {}", group.log_group_name().unwrap()), &kept);
        }
    }

    async fn apis(&mut self, sdk: &Clients) {
        for api in sdk.apigateway.get_rest_apis().send().await.unwrap().items() {
            let (id, name) = (api.id().unwrap(), api.name().unwrap());
            self.add(format!("api {name}"), api);
            let resources = sdk.apigateway.get_resources().rest_api_id(id).embed("methods");
            for resource in resources.send().await.unwrap().items() {
                let path = resource.path().unwrap();
                let methods: BTreeMap<_, _> = resource.resource_methods().into_iter().flatten().collect();
                self.add(format!("api {name} {path}"), &methods);
            }
            let stages = sdk.apigateway.get_stages().rest_api_id(id).send().await.unwrap();
            self.add(format!("api {name} stages"), &stages.item());
            let authorizers = sdk.apigateway.get_authorizers().rest_api_id(id).send().await.unwrap();
            self.add(format!("api {name} authorizers"), &authorizers.items());
        }
    }
}
