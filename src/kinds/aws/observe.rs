//! Reads the resources of a stack in AWS.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::try_join;

use super::discover::{discover, listing};
use super::found::Found;
use crate::aws::clients::Aws;
use crate::aws::error::AwsError;
use crate::kinds::{Kind, Name, ResourceId, World};
use crate::kinds::{api, domain, function, key, log_group, role};
use crate::stack::desired::Desired;

/// Number of times that roles which seem to be gone are read before they count as gone.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Reads everything that a stack has in AWS, all kinds concurrently. Changes nothing.
///
/// Anything that the caller may not read is recorded as unread, never as absent. Roles that seem to be gone or
/// re-created are read again: for a moment after a change AWS returns ids in place of ARNs, and answers from replicas
/// that do not have the change yet.
///
/// # Errors
/// Missing credentials, no answer, and every other error except access denied.
pub async fn observe(aws: &Aws, desired: &Desired) -> Result<World, AwsError> {
    let mut world = look(aws, desired).await?;
    for _ in 1..LOOKS {
        if world.signs_of_lost_roles().is_empty() {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
        world = look(aws, desired).await?;
    }
    Ok(world)
}

async fn look(aws: &Aws, desired: &Desired) -> Result<World, AwsError> {
    let (roles, mut world) = try_join!(role::aws::observe(aws, desired), all_but_roles(aws, desired))?;
    let role::aws::Observed { found, untagged, documents } = roles;
    world.roles = take(&mut world, found);
    world.adopt_recreated(untagged);
    world.managed_documents = documents;
    let is_known = |name: &Name| {
        let resource = ResourceId::new(Kind::Role, name);
        !world.unread.contains_key(&resource) && !world.foreign.contains_key(&resource)
    };
    let wanted = desired.roles.iter().filter(|(name, _)| is_known(name)).map(|(_, role)| role.arn.clone());
    let there = world.roles.values().map(|role| role.spec.arn.clone());
    world.role_arns = wanted.chain(there).collect();
    world.recognise_roles();
    Ok(world)
}

/// Reads the kinds whose resources are found by their tags, after those have been listed.
async fn all_but_roles(aws: &Aws, desired: &Desired) -> Result<World, AwsError> {
    let (discovered, aliases, groups) = try_join!(
        discover(aws, desired),
        key::aws::aliases(aws, desired),
        log_group::aws::names(aws, desired)
    )?;
    let ((keys, foreign_aliases), log_groups, functions, apis, domains) = try_join!(
        key::aws::observe(aws, desired, aliases, &discovered),
        log_group::aws::observe(aws, desired, groups, &discovered),
        function::aws::observe(aws, desired, &discovered.tagged),
        api::aws::observe(aws, desired, &discovered.tagged),
        domain::aws::observe(aws, desired, &discovered),
    )?;
    let mut world = World { foreign_aliases, unread: discovered.unread, ..World::default() };
    world.keys = take(&mut world, keys);
    world.log_groups = take(&mut world, log_groups);
    world.functions = take(&mut world, functions);
    world.apis = take(&mut world, apis);
    world.domains = take(&mut world, domains);
    hide_missing(&mut world.unread, Kind::Key, &desired.keys, &world.keys);
    hide_missing(&mut world.unread, Kind::Api, &desired.apis, &world.apis);
    Ok(world)
}

/// Marks missing resources as unread if they could only have been found by a listing that the caller may not make.
fn hide_missing<W, S>(
    unread: &mut BTreeMap<ResourceId, String>,
    kind: Kind,
    wanted: &BTreeMap<Name, W>,
    seen: &BTreeMap<Name, S>,
) {
    let Some(reason) = unread.get(&listing(kind)).cloned() else { return };
    for name in wanted.keys().filter(|name| !seen.contains_key(name)) {
        unread.entry(ResourceId::new(kind, name)).or_insert_with(|| reason.clone());
    }
}

/// Moves everything that was found, except for the resources themselves, into the world.
fn take<T>(world: &mut World, found: Found<T>) -> BTreeMap<Name, T> {
    let Found { seen, unread, foreign, ids } = found;
    world.unread.extend(unread);
    world.foreign.extend(foreign);
    world.ids.extend(ids);
    seen
}
