//! Finds resources that carry the tags of a stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use futures::stream::{self, StreamExt, TryStreamExt};
use futures::try_join;

use super::found::{Tagged, owned};
use crate::aws::clients::Aws;
use crate::aws::error::AwsError;
use crate::kinds::{Kind, Name, ResourceId, Tags, tag};
use crate::stack::desired::Desired;

/// Maximum number of concurrent calls when every resource of an account is asked for its tags.
const AT_ONCE: usize = 16;

/// Resources that carry the tags of a stack.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// The resources; roles and log groups are not included because they are found by name.
    pub tagged: BTreeSet<Tagged>,
    /// Listings that the caller may not make, each with the reason.
    pub unread: BTreeMap<ResourceId, String>,
    /// Whether every key of the account was asked for its tags.
    pub all_keys: bool,
}

/// The address under which a listing that the caller may not make is reported. Without that listing, resources that are
/// no longer in the stack file cannot be seen.
pub(crate) fn listing(kind: Kind) -> ResourceId {
    ResourceId::new(kind, &Name::new("*"))
}

/// Finds the keys, functions and APIs of a stack.
///
/// The tagging API lags behind by seconds or more, so APIs, whose names are not unique, are listed directly. Where the
/// caller may not use the tagging API, keys and functions are listed too.
///
/// # Errors
/// Every error except access denied.
pub(crate) async fn discover(aws: &Aws, desired: &Desired) -> Result<Discovered, AwsError> {
    let (by_tag, apis) = try_join!(by_tag(aws, desired), denied(rest_apis(aws, desired)))?;
    let mut discovered = Discovered::default();
    match apis {
        Ok(apis) => discovered.tagged.extend(apis),
        Err(reason) => drop(discovered.unread.insert(listing(Kind::Api), reason)),
    }
    match by_tag {
        Ok(tagged) => discovered.tagged.extend(tagged),
        Err(_) => list(aws, desired, &mut discovered).await?,
    }
    Ok(discovered)
}

/// Turns an access-denied error into its reason, and leaves every other error.
pub(crate) async fn denied<T>(
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<Result<T, String>, AwsError> {
    match call.await {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is_denied() => Ok(Err(error.reason())),
        Err(error) => Err(error),
    }
}

async fn by_tag(aws: &Aws, desired: &Desired) -> Result<Result<Vec<Tagged>, String>, AwsError> {
    let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let filters = vec![filter(tag::STACK, &desired.stack), filter(tag::ENV, &desired.env)];
    let pages = aws.call("tag:GetResources", || {
        let request = aws.read.tagging.get_resources().set_tag_filters(Some(filters.clone()));
        request.into_paginator().items().send().try_collect()
    });
    let read = |mapping: ResourceTagMapping| {
        let tags: Tags = mapping.tags?.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let resource = ResourceId::parse(tags.get(tag::ID)?)?;
        let arn = mapping.resource_arn?;
        // The stage carries the tags of its API as well.
        let of_its_own =
            !arn.contains("/stages/") && !arn.contains("/usageplans/") && !arn.contains("/apikeys/");
        (of_its_own && owned(desired, resource.kind, &tags).is_some()).then_some(Tagged { resource, arn })
    };
    let pages: Result<Vec<ResourceTagMapping>, String> = denied(pages).await?;
    Ok(pages.map(|mappings| mappings.into_iter().filter_map(read).collect()))
}

async fn rest_apis(aws: &Aws, desired: &Desired) -> Result<Vec<Tagged>, AwsError> {
    let pages = aws.call("apigateway:GetRestApis", || {
        aws.read.apigateway.get_rest_apis().limit(500).into_paginator().items().send().try_collect()
    });
    let apis: Vec<aws_sdk_apigateway::types::RestApi> = pages.await?;
    let read = |api: aws_sdk_apigateway::types::RestApi| {
        let tags = api.tags?.into_iter().collect();
        let resource = owned(desired, Kind::Api, &tags)?;
        let arn = format!(
            "arn:{}:apigateway:{}::/restapis/{}",
            desired.place.partition, desired.place.region, api.id?
        );
        Some(Tagged { resource, arn })
    };
    Ok(apis.into_iter().filter_map(read).collect())
}

async fn domains(aws: &Aws, desired: &Desired) -> Result<Vec<Tagged>, AwsError> {
    let pages = aws.call("apigateway:GetDomainNames", || {
        aws.read.apigateway.get_domain_names().limit(500).into_paginator().items().send().try_collect()
    });
    let domains: Vec<aws_sdk_apigateway::types::DomainName> = pages.await?;
    let read = |domain: aws_sdk_apigateway::types::DomainName| {
        let resource = owned(desired, Kind::Domain, &domain.tags?.into_iter().collect())?;
        let place = &desired.place;
        let name = domain.domain_name?;
        let arn = format!("arn:{}:apigateway:{}::/domainnames/{name}", place.partition, place.region);
        Some(Tagged { resource, arn })
    };
    Ok(domains.into_iter().filter_map(read).collect())
}

async fn list(aws: &Aws, desired: &Desired, discovered: &mut Discovered) -> Result<(), AwsError> {
    let (keys, functions, domains) = try_join!(
        denied(keys(aws, desired)),
        denied(functions(aws, desired)),
        denied(domains(aws, desired))
    )?;
    discovered.all_keys = keys.is_ok();
    for (kind, found) in [(Kind::Key, keys), (Kind::Function, functions), (Kind::Domain, domains)] {
        match found {
            Ok(found) => discovered.tagged.extend(found),
            Err(reason) => drop(discovered.unread.insert(listing(kind), reason)),
        }
    }
    Ok(())
}

/// Asks every key of the account for its tags.
pub(crate) async fn keys(aws: &Aws, desired: &Desired) -> Result<Vec<Tagged>, AwsError> {
    let mut found = Vec::new();
    for (arn, tags) in tagged_keys(aws).await? {
        found.extend(owned(desired, Kind::Key, &tags).map(|resource| Tagged { resource, arn }));
    }
    Ok(found)
}

/// Reads the tags of every key of the account, except for keys whose tags may not be read: those do not belong to the
/// stack.
pub(crate) async fn tagged_keys(aws: &Aws) -> Result<Vec<(String, Tags)>, AwsError> {
    let entries: Vec<aws_sdk_kms::types::KeyListEntry> = aws
        .call("kms:ListKeys", || {
            aws.read.kms.list_keys().limit(1000).into_paginator().items().send().try_collect()
        })
        .await?;
    let tags_of = |entry: aws_sdk_kms::types::KeyListEntry| async move {
        let arn = entry.key_arn.unwrap_or_default();
        match crate::kinds::key::aws::read_tags(aws, &arn).await {
            Ok(tags) => Ok(Some((arn, tags))),
            Err(error) if error.is_denied() || error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    };
    let read: Vec<Option<(String, Tags)>> =
        stream::iter(entries).map(tags_of).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn functions(aws: &Aws, desired: &Desired) -> Result<Vec<Tagged>, AwsError> {
    let all: Vec<aws_sdk_lambda::types::FunctionConfiguration> = aws
        .call("lambda:ListFunctions", || {
            aws.read.lambda.list_functions().into_paginator().items().send().try_collect()
        })
        .await?;
    let prefix = desired.prefix();
    let ours = all.into_iter().filter_map(|function| {
        function.function_name.is_some_and(|name| name.starts_with(&prefix)).then_some(function.function_arn?)
    });
    let read = |arn: String| async move {
        let answer =
            aws.call("lambda:ListTags", || aws.read.lambda.list_tags().resource(&arn).send()).await?;
        let tags = answer.tags.unwrap_or_default().into_iter().collect();
        Ok(owned(desired, Kind::Function, &tags).map(|resource| Tagged { resource, arn }))
    };
    let found: Vec<Option<Tagged>> = stream::iter(ours).map(read).buffer_unordered(4).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
