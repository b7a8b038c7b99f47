//! Reads the APIs of a stack.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::try_join;

use super::usage;
use super::{address, read, tree};
use crate::access::{PolicyDocument, PolicyKind};
use crate::aws::{Aws, AwsError};
use crate::kinds::api::{Seen, Spec};
use crate::kinds::aws::{Found, Tagged, owned, owner};
use crate::kinds::{Ids, Kind, Name, ResourceId};
use crate::stack::desired::{Desired, Place};

/// Reads every API that carries the tags of the stack. An API is identified by its tags because its name is not unique.
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
    let mut apis: BTreeMap<&Name, Vec<&str>> = BTreeMap::new();
    for tagged in tagged.iter().filter(|tagged| tagged.resource.kind == Kind::Api) {
        apis.entry(&tagged.resource.name).or_default().push(tagged.last_part());
    }
    if apis.is_empty() {
        return Ok(found);
    }
    let usage = usage::read(aws, desired).await?;
    let looks = apis.iter().map(|(name, ids)| look_at_all(aws, desired, name, ids));
    for (name, looked) in apis.keys().zip(join_all(looks).await) {
        let resource = ResourceId::new(Kind::Api, name);
        match looked? {
            ReadResult::Absent => {}
            ReadResult::Unread(why) => drop(found.unread.insert(resource, why)),
            ReadResult::Foreign(what) => drop(found.foreign.insert(resource, what)),
            ReadResult::Ours(mut seen, ids) => {
                let wants = desired.apis.get(*name).is_some_and(wants_usage);
                match usage.of(name, &seen.id) {
                    // If an existing usage plan cannot be seen, a second one would be created.
                    Err(why) if wants => {
                        found.unread.insert(resource, why);
                        continue;
                    }
                    Err(why) => drop(seen.unread.insert("usage_plans".to_owned(), why)),
                    Ok((plans, keys, ids)) => {
                        (seen.usage_plans, seen.api_keys) = (plans, keys);
                        found.ids.extend(ids);
                    }
                }
                found.ids.extend(ids);
                found.seen.insert((*name).clone(), *seen);
            }
        }
    }
    Ok(found)
}

fn wants_usage(want: &Spec) -> bool {
    !want.usage_plans.is_empty() || !want.api_keys.is_empty()
}

enum ReadResult {
    Absent,
    Unread(String),
    Foreign(String),
    Ours(Box<Seen>, Ids),
}

/// Reads all APIs that have the same address in their tags: a creation whose answer was lost leaves two of them.
async fn look_at_all(
    aws: &Aws,
    desired: &Desired,
    name: &Name,
    ids: &[&str],
) -> Result<ReadResult, AwsError> {
    let mut looked = ReadResult::Absent;
    for id in ids {
        match (look(aws, desired, name, id).await?, &looked) {
            (ReadResult::Ours(second, _), ReadResult::Ours(first, _)) => {
                return Ok(ReadResult::Unread(format!(
                    "the APIs `{}` and `{}` both carry its tags; delete the one that is not in use",
                    first.id, second.id
                )));
            }
            (ReadResult::Absent, _) => {}
            (found, _) => looked = found,
        }
    }
    Ok(looked)
}

async fn look(aws: &Aws, desired: &Desired, name: &Name, id: &str) -> Result<ReadResult, AwsError> {
    let get = || aws.read.apigateway.get_rest_api().rest_api_id(id).send();
    let both = async { try_join!(aws.call("apigateway:GetRestApi", get), tree::read(aws, id)) };
    let (api, tree) = match both.await {
        Ok(both) => both,
        Err(error) if error.is_not_found() => return Ok(ReadResult::Absent),
        Err(error) if error.is_denied() => return Ok(ReadResult::Unread(error.reason())),
        Err(error) => return Err(error),
    };
    let mut settings = read::settings(&api);
    if owned(desired, Kind::Api, &settings.tags).is_none() {
        return Ok(ReadResult::Foreign(format!("API `{id}` {}", owner(&settings.tags))));
    }
    let want = desired.apis.get(name);
    let mut ids = Ids::default();
    ids.set(format!("apis.{name}.id"), id);
    tree.ids(name, &mut ids);
    let stages = tree.stages(want);
    let stage = want.map(|want| &want.stage.stage_name).or_else(|| stages.keys().next());
    if let Some(stage) = stage {
        ids.set(format!("apis.{name}.url"), address::url(aws, id, stage));
    }
    if let Some(escaped) = api.policy().filter(|policy| !policy.is_empty()) {
        let wanted = want.and_then(|want| want.settings.policy.as_ref());
        match read::policy(escaped, &desired.place.partition) {
            Ok(policy) => settings.policy = Some(as_wanted(policy, wanted, &desired.place, &ids, id)),
            Err(why) => return Ok(ReadResult::Unread(format!("the resource policy of API `{id}`: {why}"))),
        }
    }
    let seen = Seen {
        id: id.to_owned(),
        settings,
        parts: tree.parts(want),
        deployments: tree.deployments(),
        stages,
        usage_plans: BTreeMap::new(),
        api_keys: BTreeMap::new(),
        unread: BTreeMap::new(),
    };
    Ok(ReadResult::Ours(Box::new(seen), ids))
}

/// Returns the policy as the stack wrote it where AWS only expanded an abbreviation: when the policy is saved,
/// `execute-api:/stage/VERB/path` becomes a whole ARN.
fn as_wanted(
    policy: PolicyDocument,
    wanted: Option<&PolicyDocument>,
    place: &Place,
    ids: &Ids,
    api: &str,
) -> PolicyDocument {
    let Place { partition, account, region, .. } = place;
    let written_out = wanted.and_then(|wanted| {
        let whole = format!("\"arn:{partition}:execute-api:{region}:{account}:{api}/");
        let text = ids.fill(&wanted.to_json()).replace("\"execute-api:/", &whole);
        PolicyDocument::parse(&text, PolicyKind::Resource { partition }).ok()
    });
    match (written_out, wanted) {
        (Some(written_out), Some(wanted)) if written_out == policy => wanted.clone(),
        _ => policy,
    }
}
