//! The steps from the custom domain name in AWS to the one in the stack.

use super::{Mapping, Op, ROOT, Seen, Spec};
use crate::kinds::step::Aspect;
use crate::kinds::tags::{Retag, retag};
use crate::kinds::{Action, Change, Draft, Edge, Kind, Name, ResourceId, ids};

/// Lists the steps between two states of one domain. `None` stands for a domain that does not exist.
pub fn steps(name: &Name, want: Option<&Spec>, seen: Option<&Seen>) -> Vec<Draft> {
    match (want, seen) {
        (Some(want), None) => create(name, want),
        (Some(want), Some(seen)) => update(name, want, seen),
        (None, Some(seen)) => remove(name, seen),
        (None, None) => Vec::new(),
    }
}

fn draft(name: &Name, op: Op, action: Action) -> Draft {
    let resource = ResourceId::new(Kind::Domain, name);
    Draft::new(resource, crate::kinds::Op::Domain { name: name.clone(), op }, action)
}

fn create(name: &Name, want: &Spec) -> Vec<Draft> {
    let Spec { domain_name, endpoint, certificate, security_policy, truststore, mappings, tags: _ } = want;
    let changes = [
        Change::of("name", &None, &Some(domain_name)),
        Change::of("endpoint", &None, &Some(endpoint)),
        Change::of("certificate", &None, &Some(certificate)),
        Change::of("security_policy", &None, &Some(security_policy)),
        Change::of("truststore", &None, &truststore.as_ref()),
        // What the owner of the domain has to do by hand.
        Change::of(
            "dns",
            &None,
            &Some(format!("{domain_name} -> {}", ids::to(&format!("domains.{name}.target")))),
        ),
    ];
    let mut drafts = vec![
        draft(name, Op::Create { spec: Box::new(want.clone()) }, Action::Create)
            .gives(Aspect::Exists)
            .changing(changes.into_iter().flatten()),
    ];
    drafts.extend(mappings.iter().map(|(path, mapping)| map(name, path, mapping, Action::Create)));
    drafts
}

fn map(name: &Name, path: &str, mapping: &Mapping, action: Action) -> Draft {
    draft(name, Op::Map { path: path.to_owned(), mapping: mapping.clone() }, action)
        .needs(Edge::CreateBeforeUse, Aspect::Exists)
        .changing(Change::of(field(path), &None, &Some(mapping)))
}

/// Returns the field of a mapping in the stack file's terms.
fn field(path: &str) -> String {
    format!("paths./{}", if path == ROOT { "" } else { path })
}

fn update(name: &Name, want: &Spec, seen: &Seen) -> Vec<Draft> {
    let has = &seen.spec;
    let mut drafts = Vec::new();
    let settings: Vec<Change> = [
        Change::of("certificate", &has.certificate, &want.certificate),
        Change::of("security_policy", &has.security_policy, &want.security_policy),
        Change::of("truststore", &has.truststore, &want.truststore),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !settings.is_empty() {
        let op = Op::Update { from: Box::new(has.clone()), to: Box::new(want.clone()) };
        drafts.push(draft(name, op, Action::Update).changing(settings));
    }
    if !seen.unread.contains_key("paths") {
        drafts.extend(mappings(name, want, has));
    }
    if !seen.unread.contains_key("tags") {
        drafts.extend(retag(&has.tags, &want.tags).into_iter().map(|(retag, changes)| {
            let op = match retag {
                Retag::Set(tags) => Op::Tag { tags },
                Retag::Unset(keys) => Op::Untag { keys },
            };
            draft(name, op, Action::Update).changing(changes)
        }));
    }
    drafts
}

fn mappings(name: &Name, want: &Spec, has: &Spec) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (path, mapping) in &want.mappings {
        match has.mappings.get(path) {
            None => drafts.push(map(name, path, mapping, Action::Update)),
            Some(before) => {
                let Some(change) = Change::of(field(path), before, mapping) else { continue };
                let op = Op::Remap { path: path.clone(), mapping: mapping.clone() };
                drafts.push(draft(name, op, Action::Update).changing([change]));
            }
        }
    }
    let dropped = has.mappings.iter().filter(|(path, _)| !want.mappings.contains_key(*path));
    drafts.extend(dropped.map(|(path, before)| {
        unmap(name, path, Action::Update).changing(Change::of(field(path), &Some(before), &None))
    }));
    drafts
}

fn unmap(name: &Name, path: &str, action: Action) -> Draft {
    draft(name, Op::Unmap { path: path.to_owned() }, action).narrowing().gives(Aspect::Detached)
}

fn remove(name: &Name, seen: &Seen) -> Vec<Draft> {
    let mut drafts: Vec<Draft> =
        seen.spec.mappings.keys().map(|path| unmap(name, path, Action::Delete)).collect();
    let delete = draft(name, Op::Delete, Action::Delete).narrowing();
    drafts.push(delete.needs(Edge::DomainUnmappedBeforeRemoval, Aspect::Detached).gives(Aspect::Gone));
    drafts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Truststore, predict};
    use super::*;

    fn spec() -> Spec {
        let mapping = Mapping { api: "a1".to_owned(), stage: "v1".to_owned() };
        Spec {
            domain_name: "api.example.com".to_owned(),
            endpoint: "REGIONAL".to_owned(),
            certificate: "arn:aws:acm:eu-west-1:111122223333:certificate/1".to_owned(),
            security_policy: "TLS_1_2".to_owned(),
            truststore: None,
            mappings: BTreeMap::from([(ROOT.to_owned(), mapping.clone()), ("v1".to_owned(), mapping)]),
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        }
    }

    /// Applies the steps between two states in the order in which they are listed.
    fn after(want: Option<&Spec>, seen: Option<Seen>) -> Option<Seen> {
        let drafts = steps(&"public".into(), want, seen.as_ref());
        drafts.into_iter().fold(seen, |seen, draft| match &draft.op {
            crate::kinds::Op::Domain { op, .. } => predict(seen, op).unwrap(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn every_setting_comes_and_changes_and_goes_and_then_nothing_is_left_to_do() {
        let made = after(Some(&spec()), None);
        assert_eq!(made.as_ref().unwrap().spec, spec());
        assert!(steps(&"public".into(), Some(&spec()), made.as_ref()).is_empty());

        let mut other = spec();
        other.certificate.push('2');
        other.security_policy = "TLS_1_0".to_owned();
        other.truststore = Some(Truststore { uri: "s3://b/k".to_owned(), version: None });
        other.mappings.remove(ROOT);
        other.mappings.get_mut("v1").unwrap().stage = "v2".to_owned();
        other.mappings.insert("new".to_owned(), Mapping { api: "a2".to_owned(), stage: "v1".to_owned() });
        other.tags.clear();
        let changed = after(Some(&other), made);
        assert_eq!(changed.as_ref().unwrap().spec, other);
        assert!(steps(&"public".into(), Some(&other), changed.as_ref()).is_empty());

        assert_eq!(after(None, changed), None);
    }

    #[test]
    fn what_could_not_be_read_is_left_alone() {
        let mut seen = after(Some(&spec()), None).unwrap();
        seen.spec.mappings.clear();
        seen.spec.tags.clear();
        seen.unread = ["paths", "tags"].map(|field| (field.to_owned(), "denied".to_owned())).into();
        assert!(steps(&"public".into(), Some(&spec()), Some(&seen)).is_empty());
    }
}
