//! Reads the keys of a stack.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::describe;
use super::read::{read, read_fresh};
use crate::aws::{Aws, AwsError, ErrorKind};
use crate::kinds::aws::discover::{self, Discovered, denied};
use crate::kinds::aws::{Found, Tagged, owned};
use crate::kinds::key::{Seen, Spec, State};
use crate::kinds::{Kind, Name, ResourceId};
use crate::stack::desired::Desired;

/// The targets of the aliases that a stack wants: the ARN of a key, `None`, or the reason why the target is unknown.
pub type Aliases = BTreeMap<String, Result<Option<String>, String>>;

/// Looks up every alias that the stack wants.
///
/// # Errors
/// Every error except access denied.
pub async fn aliases(aws: &Aws, desired: &Desired) -> Result<Aliases, AwsError> {
    let wanted = desired.keys.values().flat_map(|want| &want.spec.aliases);
    // Describing one of these would make AWS create the key behind it.
    let ours = wanted.filter(|alias| !alias.starts_with("alias/aws/"));
    let looks = ours.map(|alias| async move {
        let key = denied(describe(aws, alias)).await?;
        Ok((alias.clone(), key.map(|key| key.map(|key| key.arn.unwrap_or(key.key_id)))))
    });
    Ok(try_join_all(looks).await?.into_iter().collect())
}

/// Reads every key of the stack, and the keys that its aliases lead to.
///
/// Also returns the aliases that lead to keys of others, each alias name with its key.
///
/// # Errors
/// Every error except access denied.
pub async fn observe(
    aws: &Aws,
    desired: &Desired,
    aliases: Aliases,
    discovered: &Discovered,
) -> Result<(Found<Seen>, BTreeMap<String, Seen>), AwsError> {
    let mut collected = Collected::new(desired, aliases);
    let tagged = discovered.tagged.iter().filter(|tagged| tagged.resource.kind == Kind::Key);
    let mut known: BTreeMap<String, Option<ResourceId>> =
        tagged.map(|tagged| (tagged.arn.clone(), Some(tagged.resource.clone()))).collect();
    for key in collected.aliases.values().flatten().flatten() {
        known.entry(key.clone()).or_default();
    }
    collected.read(aws, &known).await?;
    // A key that was created by a run that then died has no alias yet, and the tagging API may lag behind. A second key
    // would be created, so every key is asked for its tags before one counts as absent.
    if !discovered.all_keys
        && collected.misses_a_key()
        && let Ok(all) = denied(discover::keys(aws, desired)).await?
    {
        let fresh = all.into_iter().filter(|Tagged { arn, .. }| !known.contains_key(arn));
        let fresh = fresh.map(|tagged| (tagged.arn, Some(tagged.resource))).collect();
        collected.read(aws, &fresh).await?;
    }
    Ok(collected.finish())
}

/// Reads any key, by id, ARN, alias name or alias ARN.
///
/// # Errors
/// A key that does not exist or that the caller may not read, and no answer.
pub async fn key(aws: &Aws, desired: &Desired, named: &str) -> Result<Seen, AwsError> {
    let missing =
        || AwsError::new("kms:DescribeKey", ErrorKind::Invalid, format!("there is no key `{named}`"));
    let found = describe(aws, named).await?.ok_or_else(missing)?;
    let arn = found.arn.unwrap_or(found.key_id);
    let (seen, _) = read(aws, desired, &arn).await?.ok_or_else(missing)?;
    Ok(seen)
}

struct Collected<'a> {
    desired: &'a Desired,
    aliases: Aliases,
    keys: BTreeMap<Name, Vec<Seen>>,
    unread: BTreeMap<ResourceId, String>,
    foreign_aliases: BTreeMap<String, Seen>,
}

impl<'a> Collected<'a> {
    fn new(desired: &'a Desired, aliases: Aliases) -> Self {
        Self {
            desired,
            aliases,
            keys: BTreeMap::new(),
            unread: BTreeMap::new(),
            foreign_aliases: BTreeMap::new(),
        }
    }

    /// Reads keys by ARN; for keys that were found by their tags, the address in the stack is given.
    async fn read(&mut self, aws: &Aws, keys: &BTreeMap<String, Option<ResourceId>>) -> Result<(), AwsError> {
        let desired = self.desired;
        let reads = keys.iter().map(|(arn, resource)| async move {
            let is_wanted = |resource: &ResourceId| desired.keys.contains_key(&resource.name);
            let key = if resource.as_ref().is_some_and(is_wanted) {
                denied(read_fresh(aws, desired, arn)).await?
            } else {
                denied(read(aws, desired, arn)).await?
            };
            Ok::<_, AwsError>((arn, resource, key))
        });
        for (arn, resource, key) in try_join_all(reads).await? {
            let (seen, tags) = match key {
                Ok(Some((mut seen, tags))) => {
                    // These aliases are all that is known if the caller may not list the others.
                    seen.spec.aliases.extend(self.pointing_to(arn));
                    (seen, tags)
                }
                Ok(None) => continue,
                Err(reason) => {
                    self.hide(arn, resource.as_ref(), &reason);
                    continue;
                }
            };
            let resource = match (&tags, resource) {
                (Ok(tags), _) => owned(self.desired, Kind::Key, tags),
                (Err(_), Some(resource)) => Some(resource.clone()),
                (Err(reason), None) => {
                    self.hide(arn, None, reason);
                    continue;
                }
            };
            match resource {
                Some(resource) => self.keys.entry(resource.name).or_default().push(seen),
                None => {
                    let pointing = self.pointing_to(arn).into_iter();
                    self.foreign_aliases.extend(pointing.map(|alias| (alias, seen.clone())));
                }
            }
        }
        Ok(())
    }

    /// Records that a key cannot be read, under the address in its tags or that of its aliases.
    fn hide(&mut self, arn: &str, resource: Option<&ResourceId>, reason: &str) {
        let pointing = self.pointing_to(arn);
        let wanted = self.desired.keys.iter().filter(|(_, want)| !want.spec.aliases.is_disjoint(&pointing));
        let by_alias = wanted.map(|(name, _)| ResourceId::new(Kind::Key, name));
        let hidden: Vec<ResourceId> = by_alias.chain(resource.cloned()).collect();
        self.unread.extend(hidden.into_iter().map(|resource| (resource, reason.to_owned())));
    }

    fn pointing_to(&self, arn: &str) -> BTreeSet<String> {
        let here = self.aliases.iter().filter(|(_, key)| matches!(key, Ok(Some(key)) if key == arn));
        here.map(|(alias, _)| alias.clone()).collect()
    }

    fn misses_a_key(&self) -> bool {
        let seen = |name: &Name| self.keys.contains_key(name);
        self.desired.keys.keys().any(|name| !seen(name))
    }

    fn finish(mut self) -> (Found<Seen>, BTreeMap<String, Seen>) {
        let mut found = Found::default();
        for (name, want) in &self.desired.keys {
            for alias in &want.spec.aliases {
                if let Some(Err(reason)) = self.aliases.get(alias) {
                    let resource = ResourceId::new(Kind::Key, name);
                    found.unread.insert(resource, format!("what `{alias}` leads to is hidden: {reason}"));
                }
            }
        }
        found.unread.append(&mut self.unread);
        for (name, mut keys) in self.keys {
            let wanted = self.desired.keys.get(&name).map(|want| &want.spec);
            keys.sort_by_key(|key| (preference(key, wanted), key.id.clone()));
            let mut keys = keys.into_iter();
            if let Some(mut key) = keys.next() {
                if let Some(want) = wanted {
                    key.spec.deletion_window = want.deletion_window;
                }
                found.ids.set(format!("keys.{name}.id"), &key.id);
                found.ids.set(format!("keys.{name}.arn"), &key.arn);
                found.seen.insert(name.clone(), key);
            }
            // A key that is scheduled for deletion needs no attention.
            for spare in keys.filter(|key| !matches!(key.state, State::PendingDeletion(_))) {
                let short: String = spare.id.chars().take(8).collect();
                let resource = ResourceId::new(Kind::Key, &Name::new(format!("{name}~{short}")));
                found.unread.insert(resource, format!("`{}` carries the tags of keys.{name} too", spare.arn));
            }
        }
        (found, self.foreign_aliases)
    }
}

/// Orders several keys that have the same address: the one that the aliases lead to comes first, then a usable one.
fn preference(key: &Seen, want: Option<&Spec>) -> (bool, u8) {
    let aliased = want.is_some_and(|want| !want.aliases.is_disjoint(&key.spec.aliases));
    let state = match key.state {
        State::Enabled => 0,
        State::Disabled => 1,
        State::Other(_) => 2,
        State::PendingDeletion(_) => 3,
    };
    (!aliased, state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::PolicyDocument;
    use crate::kinds::Tags;
    use crate::stack::desired::{KeyWant, Place};

    fn spec(alias: &str) -> Spec {
        Spec {
            key_spec: "SYMMETRIC_DEFAULT".to_owned(),
            usage: "ENCRYPT_DECRYPT".to_owned(),
            multi_region: false,
            description: String::new(),
            enabled: true,
            rotation: None,
            aliases: BTreeSet::from([alias.to_owned()]),
            policy: PolicyDocument::new([]),
            tags: Tags::new(),
            deletion_window: 7,
        }
    }

    fn seen(id: &str, alias: &str, state: State) -> Seen {
        let (id, arn, origin) = (id.to_owned(), format!("arn:{id}"), "AWS_KMS".to_owned());
        Seen { id, arn, state, spec: spec(alias), origin, unread: BTreeMap::new() }
    }

    fn desired() -> Desired {
        let want = KeyWant { spec: spec("alias/text"), administrators: BTreeSet::new() };
        let place = Place {
            partition: "aws".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            function_env: BTreeMap::new(),
            longest_init: 0,
        };
        Desired {
            stack: "s".to_owned(),
            env: "test".to_owned(),
            place,
            protect: false,
            keys: BTreeMap::from([("text".into(), want)]),
            roles: BTreeMap::new(),
            twins: Vec::new(),
            log_groups: BTreeMap::new(),
            functions: BTreeMap::new(),
            apis: BTreeMap::new(),
            domains: BTreeMap::new(),
            assertions: Vec::new(),
            lines: BTreeMap::new(),
        }
    }

    fn chosen(keys: Vec<Seen>) -> (String, Vec<String>) {
        let desired = desired();
        let mut collected = Collected::new(&desired, Aliases::new());
        collected.keys.insert("text".into(), keys);
        let (found, _) = collected.finish();
        let spares = found.unread.keys().map(ToString::to_string).collect();
        (found.ids.get("keys.text.id").unwrap().to_owned(), spares)
    }

    #[test]
    fn of_two_keys_the_aliased_one_counts_and_none_is_lost() {
        let fresh = seen("aaaaaaaa-1", "alias/other", State::Enabled);
        let used = seen("bbbbbbbb-1", "alias/text", State::Disabled);
        assert_eq!(
            chosen(vec![fresh, used]),
            ("bbbbbbbb-1".to_owned(), vec!["keys.text~aaaaaaaa".to_owned()])
        );
    }

    #[test]
    fn a_usable_key_comes_before_one_that_is_going() {
        let going = seen("aaaaaaaa-1", "alias/other", State::PendingDeletion(None));
        let usable = seen("bbbbbbbb-1", "alias/other", State::Enabled);
        assert_eq!(chosen(vec![going, usable]).0, "bbbbbbbb-1");
    }

    #[test]
    fn an_alias_that_is_hidden_hides_its_key() {
        let desired = desired();
        let aliases = Aliases::from([("alias/text".to_owned(), Err("not allowed".to_owned()))]);
        let (found, _) = Collected::new(&desired, aliases).finish();
        assert_eq!(found.unread.keys().map(ToString::to_string).collect::<Vec<_>>(), ["keys.text"]);
    }
}
