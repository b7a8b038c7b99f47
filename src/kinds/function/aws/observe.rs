//! Reads the functions of a stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::FunctionConfiguration;
use futures::future::{join, join_all, try_join_all};

use super::calls::{Function, Policy};
use super::read;
use crate::aws::{Aws, AwsError};
use crate::kinds::aws::{Found, Tagged, owned, owner};
use crate::kinds::function::{Permission, PublishedVersion, Seen, SeenAlias};
use crate::kinds::{Kind, Name, ResourceId};
use crate::stack::desired::Desired;

/// Looks up every function that the stack wants, by name, and every function that carries its tags.
///
/// # Errors
///
/// Any error of a call but "not found", which means absent, and "not allowed", which is recorded as such.
pub async fn observe(
    aws: &Aws,
    desired: &Desired,
    tagged: &BTreeSet<Tagged>,
) -> Result<Found<Seen>, AwsError> {
    let mut found = Found::default();
    let mut names: BTreeMap<&str, &Name> = BTreeMap::new();
    for tagged in tagged.iter().filter(|tagged| tagged.resource.kind == Kind::Function) {
        names.insert(tagged.last_part(), &tagged.resource.name);
    }
    for (name, want) in &desired.functions {
        // Lambda identifies a function by its name, so the current name in the stack takes precedence over the tag.
        names.insert(&want.spec.function_name, name);
        found.ids.set(format!("functions.{name}.name"), &want.spec.function_name);
    }
    let looks = names.iter().map(|(function, name)| look(Function { aws, name: function }, desired, name));
    for ((function, name), looked) in names.iter().zip(join_all(looks).await) {
        let resource = ResourceId::new(Kind::Function, name);
        match looked? {
            ReadResult::Absent => {}
            ReadResult::Unread(why) => drop(found.unread.insert(resource, why)),
            ReadResult::Foreign(what) => drop(found.foreign.insert(resource, what)),
            ReadResult::Ours(seen) => {
                found.ids.set(format!("functions.{name}.name"), *function);
                found.ids.set(format!("functions.{name}.arn"), &seen.arn);
                found.seen.insert((*name).clone(), *seen);
            }
        }
    }
    Ok(found)
}

enum ReadResult {
    Absent,
    Unread(String),
    Foreign(String),
    Ours(Box<Seen>),
}

async fn look(function: Function<'_>, desired: &Desired, name: &Name) -> Result<ReadResult, AwsError> {
    let answer = match function.get().await {
        Ok(answer) => answer,
        Err(error) if error.is_not_found() => return Ok(ReadResult::Absent),
        Err(error) if error.is_denied() => return Ok(ReadResult::Unread(error.reason())),
        Err(error) => return Err(error),
    };
    let GetFunctionOutput { configuration, tags, tags_error, concurrency, .. } = answer;
    let Some(config) = configuration else {
        return Ok(ReadResult::Unread("AWS shows no configuration of the function".to_owned()));
    };
    let mut tags = tags.as_ref().map(read::sorted).unwrap_or_default();
    let mut unread = BTreeMap::new();
    if let Some(error) = tags_error {
        unread.insert("tags".to_owned(), format!("{}: {}", error.error_code(), error.message()));
    } else if owned(desired, Kind::Function, &tags).is_none() {
        return Ok(ReadResult::Foreign(format!("function `{}` {}", function.name, owner(&tags))));
    }
    if let Some(why) = read::env_error(&config) {
        unread.insert("env".to_owned(), why);
    }
    let wanted = desired.functions.get(name).map(|want| &want.spec.permissions);
    let (versions, traffic) = join(function.versions(), traffic(function, &config, wanted)).await;
    let versions = readable("versions", versions, &mut unread)?;
    let (aliases, permissions) = match traffic {
        Ok(Traffic { aliases, permissions }) => (aliases, readable("permissions", permissions, &mut unread)?),
        Err(error) => {
            unread.insert("permissions".to_owned(), error.reason());
            (readable("aliases", Err(error), &mut unread)?, BTreeMap::new())
        }
    };
    Ok(ReadResult::Ours(Box::new(Seen {
        arn: config.function_arn().unwrap_or_default().to_owned(),
        config: read::config(function.name, &config),
        architecture: read::architecture(&config),
        code_sha256: config.code_sha256().unwrap_or_default().to_owned(),
        revision: config.revision_id().unwrap_or_default().to_owned(),
        marks: read::marks(&mut tags),
        reserved_concurrency: concurrency
            .and_then(|concurrency| concurrency.reserved_concurrent_executions())
            .and_then(|count| count.try_into().ok()),
        versions: versions.iter().filter_map(|version| published(function.name, version)).collect(),
        aliases,
        permissions,
        tags,
        unread,
    })))
}

/// The settings that decide who may invoke the function and which version answers.
struct Traffic {
    aliases: BTreeMap<String, SeenAlias>,
    permissions: Result<BTreeMap<String, Permission>, AwsError>,
}

async fn traffic(
    function: Function<'_>,
    config: &FunctionConfiguration,
    wanted: Option<&BTreeMap<String, Permission>>,
) -> Result<Traffic, AwsError> {
    let aliases: BTreeMap<String, SeenAlias> =
        function.aliases().await?.iter().filter_map(read::alias).collect();
    let arn = config.function_arn().unwrap_or_default();
    let qualifiers = std::iter::once(None).chain(aliases.keys().map(|alias| Some(alias.as_str())));
    let policies = try_join_all(qualifiers.map(|alias| function.policy(arn, alias))).await;
    Ok(Traffic { permissions: policies.map(|policies| merge(policies, wanted)), aliases })
}

/// Merges the policies of a function and its aliases. Of two statements with the same id, the one that the stack does
/// not want is kept, so that it is not forgotten.
fn merge(
    policies: Vec<Policy>,
    wanted: Option<&BTreeMap<String, Permission>>,
) -> BTreeMap<String, Permission> {
    let mut merged: BTreeMap<String, Permission> = BTreeMap::new();
    for (sid, permission) in policies.into_iter().flat_map(|policy| policy.statements) {
        let wanted = wanted.and_then(|wanted| wanted.get(&sid)) == Some(&permission);
        if !(wanted && merged.contains_key(&sid)) {
            merged.insert(sid, permission);
        }
    }
    merged
}

fn published(name: &str, version: &FunctionConfiguration) -> Option<(String, PublishedVersion)> {
    let config = read::config(name, version);
    let code_sha256 = version.code_sha256()?.to_owned();
    Some((version.version()?.to_owned(), PublishedVersion { config, code_sha256 }))
}

/// Records what the caller may not read; every other error is returned.
fn readable<T: Default>(
    field: &str,
    read: Result<T, AwsError>,
    unread: &mut BTreeMap<String, String>,
) -> Result<T, AwsError> {
    match read {
        Err(error) if error.is_denied() => {
            unread.insert(field.to_owned(), error.reason());
            Ok(T::default())
        }
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ErrorKind;

    fn policy(source: &str, alias: Option<&str>) -> Policy {
        let permission = permission(source, alias);
        Policy { statements: BTreeMap::from([("lockstep-text".to_owned(), permission)]), revision: None }
    }

    fn permission(source: &str, alias: Option<&str>) -> Permission {
        let alias = alias.map(str::to_owned);
        Permission { principal: "apigateway.amazonaws.com".into(), source_arn: source.into(), alias }
    }

    #[test]
    fn a_statement_that_is_not_wanted_is_never_hidden_by_one_that_is() {
        let wanted = BTreeMap::from([("lockstep-text".to_owned(), permission("a", Some("live")))]);
        let stale = permission("a", None);
        for policies in [
            vec![policy("a", None), policy("a", Some("live"))],
            vec![policy("a", Some("live")), policy("a", None)],
        ] {
            assert_eq!(merge(policies, Some(&wanted)).get("lockstep-text"), Some(&stale));
        }
    }

    #[test]
    fn denied_reads_are_recorded_and_others_stay_errors() {
        let mut unread = BTreeMap::new();
        let fails = |kind| Err::<u8, _>(AwsError::new("lambda:ListAliases", kind, "no"));
        assert_eq!(readable("aliases", fails(ErrorKind::Denied), &mut unread).unwrap(), 0);
        let why = "`lambda:ListAliases` is not allowed".to_owned();
        assert_eq!(unread, BTreeMap::from([("aliases".to_owned(), why)]));
        assert!(readable("aliases", fails(ErrorKind::Transient), &mut unread).is_err());
    }
}
