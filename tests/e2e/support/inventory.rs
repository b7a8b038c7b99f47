//! Everything that is in an AWS, read without the reading code of lockstep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use lockstep::aws::Clients;

/// Every resource, by a name such as `role NAME`, with all its details: the words of the debug output of the SDK
/// without their order, because that of a `HashMap` changes.
#[derive(Clone, Debug)]
pub struct Inventory(BTreeMap<String, BTreeSet<String>>);

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

    /// Returns whether every resource contains a word.
    pub fn all_say(&self, word: &str) -> bool {
        self.0.values().all(|words| words.contains(word))
    }

    /// Counts the resources whose name begins with a word, such as keys with `key`.
    pub fn count(&self, kind: &str) -> usize {
        let named =
            |name: &&String| name.strip_prefix(kind).is_some_and(|rest| rest.trim().split(' ').count() == 1);
        self.0.keys().filter(|name| name.starts_with(&format!("{kind} "))).filter(named).count()
    }

    /// Returns all names.
    pub fn names(&self) -> Vec<&String> {
        self.0.keys().collect()
    }

    /// Returns whether all resources of a kind differ from one another in more than their names.
    pub fn differ(&self, kind: &str) -> bool {
        let all: Vec<_> = self.0.iter().filter(|(name, _)| name.starts_with(kind)).collect();
        let different: BTreeSet<_> = all.iter().map(|(_, detail)| detail).collect();
        all.len() == different.len()
    }

    /// Keeps the resources whose names `wanted` accepts.
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(self.0.clone().into_iter().filter(|(name, _)| wanted(name)).collect())
    }

    /// Asserts that both have the same resources.
    #[track_caller]
    pub fn is(&self, other: &Self) {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let of = |side: &Self, name| side.0.get(name).cloned().unwrap_or_default();
        let differ = names.into_iter().filter(|&name| self.0.get(name) != other.0.get(name));
        let differences: Vec<String> = differ
            .map(|name| {
                let (here, there) = (of(self, name), of(other, name));
                format!("{name}: {:?} instead of {:?}", &here - &there, &there - &here)
            })
            .collect();
        assert!(differences.is_empty(), "{differences:#?}");
    }

    fn add(&mut self, name: String, detail: &dyn Debug) {
        let detail = format!("{detail:?}");
        let words = detail.split([',', '{', '}', '(', ')', '[', ']']).map(|word| word.trim().to_owned());
        let before = self.0.insert(name.clone(), words.collect());
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
            // The amount of data in it grows with every request.
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
            let deployments = sdk.apigateway.get_deployments().rest_api_id(id).send().await.unwrap();
            for deployment in deployments.items() {
                self.add(format!("deployment {}", deployment.id().unwrap()), &deployment.description());
            }
        }
        for plan in sdk.apigateway.get_usage_plans().send().await.unwrap().items() {
            self.add(format!("usage-plan {}", plan.id().unwrap()), plan);
        }
        for key in sdk.apigateway.get_api_keys().send().await.unwrap().items() {
            self.add(format!("key-for-callers {}", key.id().unwrap()), key);
        }
    }
}
