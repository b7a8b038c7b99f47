//! Usage plans and API keys, which belong to the account and are tied to an API by their tags.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types;
use futures::future::try_join_all;
use futures::try_join;

use super::perform::{Api, once, retagged};
use super::{patch, read};
use crate::aws::{Aws, AwsError, ErrorKind};
use crate::kinds::api::{ApiKey, UsagePlan};
use crate::kinds::aws::discover::denied;
use crate::kinds::aws::owned;
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::{Ids, Kind, Name, Tags, tag};
use crate::stack::desired::Desired;

const PLANS: &str = "usage_plans";
const KEYS: &str = "api_keys";

/// The usage plans and API keys of a stack, or why they cannot be read.
pub(super) struct Usage(Result<Listed, String>);

struct Listed {
    /// Usage plans with the ids of their keys, by API and name.
    plans: BTreeMap<(Name, String), (types::UsagePlan, Vec<String>)>,
    /// Keys by API and name.
    keys: BTreeMap<(Name, String), types::ApiKey>,
}

/// Reads the usage plans and API keys that carry the tags of the stack.
pub(super) async fn read(aws: &Aws, desired: &Desired) -> Result<Usage, AwsError> {
    let listed = async {
        let (plans, keys) = try_join!(plans(aws), keys(aws))?;
        let ours = plans.into_iter().filter_map(|plan| Some((address(desired, plan.tags(), PLANS)?, plan)));
        let plans = try_join_all(ours.map(|(address, plan)| async move {
            let keys = plan_keys(aws, plan.id().unwrap_or_default()).await?;
            Ok((address, (plan, keys)))
        }));
        let keys = keys.into_iter().filter_map(|key| Some((address(desired, key.tags(), KEYS)?, key)));
        Ok(Listed { keys: keys.collect(), plans: plans.await?.into_iter().collect() })
    };
    Ok(Usage(denied(listed).await?))
}

/// Reads the API and the name from the tag `lockstep:id`, which has the form `apis.API.usage_plans.NAME`.
fn address(
    desired: &Desired,
    tags: Option<&HashMap<String, String>>,
    section: &str,
) -> Option<(Name, String)> {
    let resource = owned(desired, Kind::Api, &read::tags(tags))?;
    let (api, rest) = resource.name.as_str().split_once('.')?;
    let name = rest.strip_prefix(section)?.strip_prefix('.')?;
    Some((Name::new(api), name.to_owned()))
}

async fn plans(aws: &Aws) -> Result<Vec<types::UsagePlan>, AwsError> {
    let list =
        || aws.read.apigateway.get_usage_plans().limit(500).into_paginator().items().send().try_collect();
    aws.call("apigateway:GetUsagePlans", list).await
}

async fn keys(aws: &Aws) -> Result<Vec<types::ApiKey>, AwsError> {
    let list = || {
        let call = aws.read.apigateway.get_api_keys().limit(500).include_values(false);
        call.into_paginator().items().send().try_collect()
    };
    aws.call("apigateway:GetApiKeys", list).await
}

async fn plan_keys(aws: &Aws, plan: &str) -> Result<Vec<String>, AwsError> {
    let list = || {
        let call = aws.read.apigateway.get_usage_plan_keys().usage_plan_id(plan).limit(500);
        call.into_paginator().items().send().try_collect()
    };
    let keys: Vec<types::UsagePlanKey> = aws.call("apigateway:GetUsagePlanKeys", list).await?;
    Ok(keys.into_iter().filter_map(|key| key.id).collect())
}

/// The usage plans and API keys of one API by name, and their ids.
type OfApi = (BTreeMap<String, UsagePlan>, BTreeMap<String, ApiKey>, Ids);

impl Usage {
    /// Returns the plans, keys and ids of one API. Keys in a plan that the stack did not create are left out, because
    /// people add the keys of consumers by hand.
    pub fn of(&self, name: &Name, api: &str) -> Result<OfApi, String> {
        let Listed { plans, keys } = self.0.as_ref().map_err(Clone::clone)?;
        let mut ids = Ids::default();
        let mut names = BTreeMap::new();
        let mut read_keys = BTreeMap::new();
        for ((_, key), from) in keys.iter().filter(|((of, _), _)| of == name) {
            let id = from.id().unwrap_or_default();
            ids.set(format!("apis.{name}.{KEYS}.{key}"), id);
            names.insert(id, key);
            read_keys.insert(key.clone(), read::api_key(from));
        }
        let mut read_plans = BTreeMap::new();
        for ((_, plan), (from, keys)) in plans.iter().filter(|((of, _), _)| of == name) {
            ids.set(format!("apis.{name}.{PLANS}.{plan}"), from.id().unwrap_or_default());
            let keys = keys.iter().filter_map(|key| names.get(key.as_str()));
            let keys = keys.map(|key| (*key).clone()).collect();
            read_plans.insert(plan.clone(), UsagePlan { keys, ..read::usage_plan(from, api) });
        }
        Ok((read_plans, read_keys, ids))
    }
}

impl Api<'_> {
    fn plan_id(&self, plan: &str) -> Result<String, AwsError> {
        known(self.ids, &format!("apis.{}.{PLANS}.{plan}", self.name))
    }

    fn key_id(&self, key: &str) -> Result<String, AwsError> {
        known(self.ids, &format!("apis.{}.{KEYS}.{key}", self.name))
    }

    /// Calls `CreateUsagePlan` and adds its keys.
    pub async fn add_usage_plan(&self, plan: &str, spec: &UsagePlan) -> Result<Ids, AwsError> {
        let UsagePlan { plan_name, description, throttle, quota, keys, stages, tags } = spec;
        let stages: Vec<types::ApiStage> = stages
            .iter()
            .map(|stage| types::ApiStage::builder().api_id(&self.id).stage(stage).build())
            .collect();
        let throttle = throttle.map(|(rate, burst)| {
            let throttle = types::ThrottleSettings::builder().rate_limit(read::rate(rate));
            throttle.burst_limit(number(burst)).build()
        });
        let quota = quota.as_ref().map(|(limit, offset, period)| {
            let quota = types::QuotaSettings::builder().limit(number(*limit)).offset(number(*offset));
            quota.period(types::QuotaPeriodType::from(period.as_str())).build()
        });
        let create = || {
            let call = self.aws.write.apigateway.create_usage_plan().name(plan_name);
            call.set_description(some(description))
                .set_api_stages(Some(stages.clone()))
                .set_throttle(throttle.clone())
                .set_quota(quota.clone())
                .set_tags(Some(tags.clone().into_iter().collect()))
                .send()
        };
        let create = || async {
            let answer = self.aws.call("apigateway:CreateUsagePlan", create).await?;
            Ok(answer.id.unwrap_or_default())
        };
        let find = || async {
            let plans = plans(self.aws).await?.into_iter();
            Ok(plans.filter(|plan| same(plan.tags(), tags)).find_map(|plan| plan.id))
        };
        let id = once(&self.aws.halt, create, find).await?;
        for key in keys {
            self.add_plan_key(&id, key).await?;
        }
        Ok(self.made(PLANS, plan, id))
    }

    pub async fn update_usage_plan(
        &self,
        plan: &str,
        from: &UsagePlan,
        to: &UsagePlan,
    ) -> Result<(), AwsError> {
        let id = self.plan_id(plan)?;
        // Keys are added before others are removed.
        for key in to.keys.difference(&from.keys) {
            self.add_plan_key(&id, key).await?;
        }
        self.patch_plan(&id, patch::usage_plan(from, to, &self.id)).await?;
        for key in from.keys.difference(&to.keys) {
            self.remove_plan_key(&id, key).await?;
        }
        retagged(self.aws, &format!("/usageplans/{id}"), &from.tags, &to.tags).await
    }

    /// Removes keys and stages from a plan, because a plan that has any cannot be deleted.
    pub async fn remove_usage_plan(&self, plan: &str, from: &UsagePlan) -> Result<(), AwsError> {
        let id = self.plan_id(plan)?;
        for key in &from.keys {
            self.remove_plan_key(&id, key).await?;
        }
        let empty = UsagePlan { stages: Default::default(), ..from.clone() };
        done_if_absent(self.patch_plan(&id, patch::usage_plan(from, &empty, &self.id)).await)?;
        let delete = || self.aws.write.apigateway.delete_usage_plan().usage_plan_id(&id).send();
        done_if_absent(self.aws.call("apigateway:DeleteUsagePlan", delete).await)
    }

    async fn patch_plan(&self, id: &str, patches: Vec<types::PatchOperation>) -> Result<(), AwsError> {
        if patches.is_empty() {
            return Ok(());
        }
        let update = || {
            let call = self.aws.write.apigateway.update_usage_plan().usage_plan_id(id);
            call.set_patch_operations(Some(patches.clone())).send()
        };
        self.aws.call("apigateway:UpdateUsagePlan", update).await.map(drop)
    }

    async fn add_plan_key(&self, plan: &str, key: &str) -> Result<(), AwsError> {
        let key = self.key_id(key)?;
        let create = || {
            let call = self.aws.write.apigateway.create_usage_plan_key().usage_plan_id(plan);
            call.key_id(&key).key_type("API_KEY").send()
        };
        match self.aws.call("apigateway:CreateUsagePlanKey", create).await {
            // The key is in the plan already.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                if plan_keys(self.aws, plan).await?.contains(&key) { Ok(()) } else { Err(error) }
            }
            answer => answer.map(drop),
        }
    }

    async fn remove_plan_key(&self, plan: &str, key: &str) -> Result<(), AwsError> {
        let key = self.key_id(key)?;
        let delete =
            || self.aws.write.apigateway.delete_usage_plan_key().usage_plan_id(plan).key_id(&key).send();
        done_if_absent(self.aws.call("apigateway:DeleteUsagePlanKey", delete).await)
    }

    /// Calls `CreateApiKey`; AWS generates the value of the key.
    pub async fn add_api_key(&self, key: &str, spec: &ApiKey) -> Result<Ids, AwsError> {
        let ApiKey { key_name, description, enabled, tags } = spec;
        let create = || {
            let call = self.aws.write.apigateway.create_api_key().name(key_name);
            call.set_description(some(description))
                .enabled(*enabled)
                .set_tags(Some(tags.clone().into_iter().collect()))
                .send()
        };
        let create = || async {
            let answer = self.aws.call("apigateway:CreateApiKey", create).await?;
            Ok(answer.id.unwrap_or_default())
        };
        let find = || async {
            let keys = keys(self.aws).await?.into_iter();
            Ok(keys.filter(|key| same(key.tags(), tags)).find_map(|key| key.id))
        };
        let id = once(&self.aws.halt, create, find).await?;
        Ok(self.made(KEYS, key, id))
    }

    pub async fn update_api_key(&self, key: &str, from: &ApiKey, to: &ApiKey) -> Result<(), AwsError> {
        let id = self.key_id(key)?;
        let patches = patch::api_key(from, to);
        if !patches.is_empty() {
            let update = || {
                let call = self.aws.write.apigateway.update_api_key().api_key(&id);
                call.set_patch_operations(Some(patches.clone())).send()
            };
            self.aws.call("apigateway:UpdateApiKey", update).await?;
        }
        retagged(self.aws, &format!("/apikeys/{id}"), &from.tags, &to.tags).await
    }

    pub async fn remove_api_key(&self, key: &str) -> Result<(), AwsError> {
        let id = self.key_id(key)?;
        let delete = || self.aws.write.apigateway.delete_api_key().api_key(&id).send();
        done_if_absent(self.aws.call("apigateway:DeleteApiKey", delete).await)
    }
}

/// Returns whether a resource carries the address in its tags that it is to be created with.
pub(super) fn same(found: Option<&HashMap<String, String>>, tags: &Tags) -> bool {
    let found = read::tags(found);
    [tag::STACK, tag::ENV, tag::ID]
        .iter()
        .all(|key| tags.contains_key(*key) && found.get(*key) == tags.get(*key))
}

/// Returns the description, or `None` where it is empty: some create calls refuse an empty one.
pub(super) fn some(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Converts a number; every number that the stack file accepts fits.
pub(super) fn number(value: u32) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}
