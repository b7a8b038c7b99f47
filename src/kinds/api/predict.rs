//! Models the effect of an operation on an API.

use std::collections::BTreeMap;

use super::{Deployment, Op, Part, PartId, Seen, SeenStage, Settings, UsagePlan, steps::used_by};

/// Applies one operation to an API; `None` stands for an API that does not exist.
///
/// # Errors
///
/// The rule of API Gateway that the operation breaks.
pub fn predict(seen: Option<Seen>, op: &Op) -> Result<Option<Seen>, String> {
    if let Op::Create { settings } = op {
        return match seen {
            Some(_) => Err("the API exists already".to_owned()),
            None => Ok(Some(created(settings))),
        };
    }
    let mut seen = seen.ok_or("the API does not exist")?;
    match op {
        Op::Create { .. } => {}
        Op::Update { to, .. } => seen.settings = (**to).clone(),
        Op::AddPart { part, spec } | Op::UpdatePart { part, to: spec, .. } => {
            put_part(&mut seen, part, spec)?
        }
        Op::RemovePart { part } => remove_part(&mut seen, part)?,
        Op::Deploy { fingerprint } => deploy(&mut seen, fingerprint)?,
        Op::CreateStage { stage, fingerprint } => {
            let deployment = deployment_of(&seen, fingerprint)?;
            let spec = (**stage).clone();
            seen.stages.insert(spec.stage_name.clone(), SeenStage { deployment, spec });
        }
        Op::MoveStage { stage, fingerprint } => {
            let deployment = deployment_of(&seen, fingerprint)?;
            seen.stages.get_mut(stage).ok_or("the stage does not exist")?.deployment = deployment;
        }
        Op::UpdateStage { to, .. } => {
            seen.stages.get_mut(&to.stage_name).ok_or("the stage does not exist")?.spec = (**to).clone();
        }
        Op::DeleteStage { stage } => {
            if seen.usage_plans.values().any(|plan| plan.stages.contains(stage)) {
                return Err("a usage plan still holds the stage".to_owned());
            }
            seen.stages.remove(stage);
        }
        Op::DeleteDeployment { id } => {
            if seen.stages.values().any(|stage| stage.deployment == *id) {
                return Err("a stage still serves the deployment".to_owned());
            }
            seen.deployments.retain(|deployment| deployment.id != *id);
        }
        Op::AddUsagePlan { plan, spec } | Op::UpdateUsagePlan { plan, to: spec, .. } => {
            if !spec.stages.iter().all(|stage| seen.stages.contains_key(stage)) {
                return Err("the usage plan names a stage that does not exist".to_owned());
            }
            if !spec.keys.iter().all(|key| seen.api_keys.contains_key(key)) {
                return Err("the usage plan names an API key that does not exist".to_owned());
            }
            let mut others = seen.usage_plans.iter().filter(|(other, _)| *other != plan);
            if others.any(|(_, other)| other.shares_a_key(spec)) {
                return Err("an API key is in another usage plan of the stage".to_owned());
            }
            seen.usage_plans.insert(plan.clone(), spec.clone());
        }
        Op::RemoveUsagePlan { plan, .. } => {
            seen.usage_plans.remove(plan);
        }
        Op::AddApiKey { key, spec } | Op::UpdateApiKey { key, to: spec, .. } => {
            seen.api_keys.insert(key.clone(), spec.clone());
        }
        Op::RemoveApiKey { key } => {
            seen.api_keys.remove(key);
        }
        Op::Delete if !seen.usage_plans.is_empty() => {
            return Err("a usage plan still holds a stage of the API".to_owned());
        }
        Op::Delete => return Ok(None),
    }
    Ok(Some(seen))
}

impl UsagePlan {
    /// Returns whether an API key is in both plans for the same stage.
    fn shares_a_key(&self, other: &Self) -> bool {
        !self.keys.is_disjoint(&other.keys) && !self.stages.is_disjoint(&other.stages)
    }
}

fn created(settings: &Settings) -> Seen {
    Seen {
        id: String::new(),
        settings: settings.clone(),
        parts: BTreeMap::new(),
        deployments: Vec::new(),
        stages: BTreeMap::new(),
        usage_plans: BTreeMap::new(),
        api_keys: BTreeMap::new(),
        unread: BTreeMap::new(),
    }
}

fn put_part(seen: &mut Seen, id: &PartId, part: &Part) -> Result<(), String> {
    let exists = |id: &PartId| seen.parts.contains_key(id);
    match id {
        PartId::Method(path, _) if path != "/" && !exists(&PartId::Resource(path.clone())) => {
            return Err(format!("the resource {path} does not exist"));
        }
        PartId::Resource(path) => {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !parent.is_empty() && !exists(&PartId::Resource(parent.to_owned())) {
                return Err(format!("the resource {parent} does not exist"));
            }
        }
        _ => {}
    }
    if let Part::Method(method) = part {
        // AWS creates the models `Empty` and `Error` by itself.
        let default = |id: &PartId| matches!(id, PartId::Model(name) if name == "Empty" || name == "Error");
        if let Some(missing) = used_by(method).into_iter().find(|id| !exists(id) && !default(id)) {
            return Err(format!("{missing} does not exist"));
        }
    }
    seen.parts.insert(id.clone(), part.clone());
    Ok(())
}

fn remove_part(seen: &mut Seen, id: &PartId) -> Result<(), String> {
    let user = seen.parts.iter().find(|(_, part)| match part {
        Part::Method(method) => used_by(method).contains(id),
        _ => false,
    });
    if let Some((user, _)) = user {
        return Err(format!("{user} still refers to {id}"));
    }
    seen.parts.remove(id);
    // Deleting a resource also deletes its methods and everything below it.
    if let PartId::Resource(path) = id {
        let below = format!("{path}/");
        seen.parts.retain(|part, _| match part {
            PartId::Resource(other) => !other.starts_with(&below),
            PartId::Method(other, _) => other != path && !other.starts_with(&below),
            _ => true,
        });
    }
    Ok(())
}

fn deploy(seen: &mut Seen, fingerprint: &str) -> Result<(), String> {
    if !seen.parts.keys().any(|id| matches!(id, PartId::Method(..))) {
        return Err("the API has no methods".to_owned());
    }
    let id = format!("deployment {fingerprint}");
    seen.deployments.insert(0, Deployment { id, fingerprint: Some(fingerprint.to_owned()) });
    Ok(())
}

fn deployment_of(seen: &Seen, fingerprint: &str) -> Result<String, String> {
    let found =
        seen.deployments.iter().find(|deployment| deployment.fingerprint.as_deref() == Some(fingerprint));
    found.map(|deployment| deployment.id.clone()).ok_or_else(|| "the deployment does not exist".to_owned())
}
