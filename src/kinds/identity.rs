//! Detects roles that were deleted and re-created: such a role has its old name and ARN but a new `RoleId`, and
//! anything that was tied to the old ID no longer works.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Name, ResourceId, World, function, key, role};

impl World {
    /// Returns whether the role that a function was configured with has been re-created under the same name.
    ///
    /// A mark with another name only shows that a run ended between changing the role and writing the mark; it does not
    /// say anything about the current role.
    pub fn is_recreated(&self, seen: &function::Seen) -> bool {
        let Some(recorded) = &seen.marks.role else { return false };
        let role = self.roles.values().find(|role| role.spec.arn == seen.config.role);
        let another = |role: &role::Seen| !role.role_id.is_empty() && role.role_id != recorded.id;
        recorded.is_of(&seen.config.role) && role.is_some_and(another)
    }

    /// Returns whether a recorded role is known not to exist any more.
    pub fn is_dead(&self, mark: &function::RoleMark) -> bool {
        let same_name = |role: &&role::Seen| role.spec.role_name == mark.name;
        match self.roles.values().find(same_name) {
            Some(role) => !role.role_id.is_empty() && role.role_id != mark.id,
            None => self.role_arns.iter().any(|arn| role::name_in(arn) == mark.name),
        }
    }

    /// Returns whether the role that a function was configured with is gone, even if another role now has its name.
    pub fn has_lost_role(&self, seen: &function::Seen) -> bool {
        self.lacks_role(&seen.config.role) || self.is_recreated(seen)
    }

    /// Returns whether Lambda can no longer decrypt the environment of a function. When Lambda gives a function a role,
    /// it creates a grant to the ID of that role, and a re-created role has another ID. Only another change of the role
    /// creates a new grant.
    pub fn is_cut_off(&self, seen: &function::Seen) -> bool {
        let encrypted = seen.config.is_encrypted() || seen.unread.contains_key("env");
        encrypted && self.has_lost_role(seen)
    }

    /// Replaces the IDs of existing roles by their ARNs in every policy, because AWS shows a role by its ID for a
    /// moment after the role was created.
    pub fn recognise_roles(&mut self) {
        let roles = self.roles.values().filter(|role| !role.role_id.is_empty());
        let living: BTreeMap<String, String> =
            roles.map(|role| (role.role_id.clone(), role.spec.arn.clone())).collect();
        let keys = self.keys.values_mut().map(|key| &mut key.spec.policy);
        let trusts = self.roles.values_mut().map(|role| &mut role.spec.trust);
        keys.chain(trusts).for_each(|policy| key::policy::restore_arns_from_unique_ids(policy, &living));
    }

    /// Adopts roles that were deleted and re-created by hand without the tags of the stack. Such a role has the name
    /// and ARN under which a function of the stack runs, but another unique ID than the function recorded when it was
    /// configured. Every other role without tags belongs to someone else.
    pub fn adopt_recreated(&mut self, untagged: BTreeMap<Name, role::Seen>) {
        for (name, seen) in untagged {
            let runs_as_it = self.functions.values().any(|function| {
                let recorded = function.marks.role.as_ref();
                let another =
                    recorded.is_some_and(|mark| mark.is_of(&seen.spec.arn) && mark.id != seen.role_id);
                function.config.role == seen.spec.arn && another
            });
            if runs_as_it {
                self.foreign.remove(&ResourceId::new(Kind::Role, &name));
                self.ids.extend(seen.ids(&name));
                self.roles.insert(name, seen);
            }
        }
    }

    /// Lists the signs of roles that are gone or re-created. AWS shows the same signs for a moment after a change, so
    /// they count only if they persist.
    pub fn signs_of_lost_roles(&self) -> BTreeSet<String> {
        let keys = self.keys.iter().map(|(name, key)| (format!("keys.{name}"), &key.spec.policy));
        let trusts = self.roles.iter().map(|(name, role)| (format!("roles.{name}"), &role.spec.trust));
        let dead = keys.chain(trusts).flat_map(|(resource, policy)| {
            let ids = key::policy::dead_ids(policy).into_iter();
            ids.map(|id| format!("{resource} names {id}")).collect::<Vec<_>>()
        });
        let cut_off = self.functions.iter().filter(|(_, seen)| self.is_cut_off(seen));
        dead.chain(cut_off.map(|(name, _)| format!("functions.{name} is cut off"))).collect()
    }

    /// Returns whether an ARN names a role that the stack wants or has and that does not exist now.
    pub(super) fn lacks_role(&self, arn: &str) -> bool {
        self.role_arns.contains(arn) && !self.roles.values().any(|role| role.spec.arn == arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{PolicyDocument, Principal, Statement};
    use crate::kinds::function::RoleMark;
    use crate::plan::plan;
    use crate::plan::small_worlds::fixtures::{empty, function, key, nothing, role, role_arn};

    /// Returns a world with the function `f`, which has an environment and runs under the role `a`, and with the role
    /// `b`.
    fn world() -> World {
        let mut stack = empty();
        stack.keys.insert("k".into(), key());
        stack.roles = ["a", "b"].map(|name| (name.into(), role(name))).into();
        let mut f = function("f", "a", &["k"]);
        f.spec.config.env.insert("KEY".to_owned(), "k".to_owned());
        stack.functions.insert("f".into(), f);
        let mut world = nothing();
        world.role_arns.extend(["a", "b"].map(role_arn));
        for step in plan(&stack, &world).unwrap().steps() {
            world.apply(&step.op).unwrap();
        }
        world
    }

    fn f(world: &World) -> &function::Seen {
        world.functions.values().next().unwrap()
    }

    fn marked(world: &mut World, id: &str, role: &str) {
        world.functions.values_mut().next().unwrap().marks.role = Some(RoleMark::new(id, &role_arn(role)));
    }

    #[test]
    fn a_recreated_role_is_told_from_one_that_is_gone_and_from_another() {
        let world = world();
        assert!(!world.is_recreated(f(&world)) && !world.is_cut_off(f(&world)));
        assert!(world.signs_of_lost_roles().is_empty());

        let mut anew = world.clone();
        marked(&mut anew, "AROAOLD", "a");
        assert!(anew.is_recreated(f(&anew)) && anew.is_cut_off(f(&anew)));
        assert!(!anew.signs_of_lost_roles().is_empty());

        // A run that ended between changing the role and writing its mark.
        let mut unmarked = world.clone();
        marked(&mut unmarked, "AROAOLD", "b");
        assert!(!unmarked.is_recreated(f(&unmarked)) && !unmarked.is_cut_off(f(&unmarked)));

        let mut gone = world;
        gone.roles.remove(&"a".into());
        assert!(!gone.is_recreated(f(&gone)) && gone.is_cut_off(f(&gone)));
    }

    #[test]
    fn only_a_role_that_a_function_lost_is_taken_over_without_tags() {
        let mut world = world();
        let mut seen = world.roles.remove(&"a".into()).unwrap();
        seen.role_id = "AROANEW".to_owned();
        seen.spec.tags.clear();
        let resource = ResourceId::new(Kind::Role, &"a".into());
        world.foreign.insert(resource.clone(), "the role `a`".to_owned());
        let untagged = || BTreeMap::from([("a".into(), seen.clone())]);

        let mut recreated = world.clone();
        recreated.adopt_recreated(untagged());
        assert!(recreated.foreign.is_empty() && recreated.is_recreated(f(&recreated)));

        // The function recorded the ID of this very role, recorded another role, or runs under another one.
        let others: [fn(&mut World); 3] = [
            |world| marked(world, "AROANEW", "a"),
            |world| marked(world, "AROAOLD", "b"),
            |world| world.functions.values_mut().for_each(|one| one.config.role = role_arn("b")),
        ];
        for other in others {
            let mut world = world.clone();
            other(&mut world);
            world.adopt_recreated(untagged());
            assert!(world.foreign.contains_key(&resource) && !world.roles.contains_key(&"a".into()));
        }
    }

    #[test]
    fn without_an_environment_there_is_no_grant_to_lose() {
        let mut world = world();
        marked(&mut world, "AROAOLD", "a");
        let seen = world.functions.values_mut().next().unwrap();
        seen.config.env.clear();
        assert!(world.is_recreated(f(&world)) && !world.is_cut_off(f(&world)));
        // A field that could not be read may hold an environment.
        world.functions.values_mut().next().unwrap().unread.insert("env".to_owned(), "denied".to_owned());
        assert!(world.is_cut_off(f(&world)));
    }

    #[test]
    fn the_id_of_a_role_that_exists_is_no_dead_one() {
        let mut world = world();
        let id = world.roles[&"a".into()].role_id.clone();
        let ids = [id, "AROADEAD".to_owned()].map(Principal::UniqueId);
        let principals = crate::access::Clause::Is(ids.into());
        let statement = Statement { principals, ..Statement::allow("Use").actions(["kms:Decrypt"]) };
        world.keys.values_mut().next().unwrap().spec.policy = PolicyDocument::new([statement]);
        world.recognise_roles();
        let policy = &world.keys.values().next().unwrap().spec.policy;
        assert_eq!(key::policy::named_arns(policy), BTreeSet::from([role_arn("a").as_str()]));
        assert_eq!(key::policy::dead_ids(policy), BTreeSet::from(["AROADEAD"]));
        assert_eq!(world.signs_of_lost_roles(), BTreeSet::from(["keys.k names AROADEAD".to_owned()]));
    }
}
