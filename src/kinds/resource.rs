//! The trait of a resource kind, and the one list of kinds.
//!
//! Everything that differs between kinds is part of the trait, so a kind that leaves something out does not compile.
//! Code that treats all kinds alike goes through [`World::visit`] or the dispatch below; it names no kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::step::Aspect;
use super::{Draft, Expected, Ids, Name, ResourceId, api, domain, function, key, log_group, role};
use crate::access::PolicyDocument;

/// A resource kind.
pub trait Resource: Sized {
    /// A resource as declared in the stack.
    type Want: Clone + Debug + PartialEq + Serialize;
    /// A resource as it is in AWS.
    type Seen: Clone + Debug + PartialEq + Serialize;
    /// One mutating call.
    type Op: Clone + Debug + PartialEq + Serialize;

    /// The maximum number of concurrent steps. All callers of an account share its rates, so these numbers stay well
    /// below the limits.
    const AT_ONCE: usize;
    /// Whether the service cannot handle concurrent calls on one resource.
    const ONE_BY_ONE: bool;
    /// The consequence of a resource that does not exist.
    const WITHOUT: Without;
    /// Whether CloudTrail records the calls of the service in one region for all.
    const IS_GLOBAL: bool;

    /// Lists the steps between two states of one resource, not yet ordered. `None` stands for a resource that does not
    /// exist.
    fn steps(name: &Name, want: Option<&Self::Want>, seen: Option<&Self::Seen>) -> Vec<Draft>;

    /// Applies one operation as AWS would.
    ///
    /// # Errors
    ///
    /// The rule of AWS that the operation breaks.
    fn predict(seen: Option<Self::Seen>, op: &Self::Op) -> Result<Option<Self::Seen>, String>;

    /// Checks the rules of AWS that span several resources.
    ///
    /// # Errors
    ///
    /// The rule that the operation breaks.
    fn check(world: &World, name: &Name, op: &Self::Op) -> Result<(), String>;

    /// Applies the effects of an operation on other resources; `before` is the resource before the operation.
    fn settle(world: &mut World, name: &Name, op: &Self::Op, before: Option<Self::Seen>);

    /// Returns the state that an operation overwrites, if overwriting could lose something.
    fn expected(seen: &Self::Seen, op: &Self::Op) -> Option<Expected>;

    /// Returns the arguments of the call itself, in which references to other resources may stand.
    fn arguments(op: &Self::Op) -> serde_json::Result<String>;

    /// Returns whether something about the resource can be referred to.
    fn knows(seen: &Self::Seen, aspect: &Aspect) -> bool;

    /// Returns the fields that could not be read, with the reason.
    fn unread(seen: &Self::Seen) -> &BTreeMap<String, String>;

    /// Lists the names under which CloudTrail records calls on the resource.
    fn trail_names(want: Option<&Self::Want>, seen: Option<&Self::Seen>) -> Vec<String>;
}

/// The consequence of a resource that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Every request fails.
    NoRequests,
    /// Every request that reaches it fails.
    NoRequestsToIt,
    /// Resources that depend on it fail.
    NoDependents,
}

/// Visits the resources of every kind.
pub trait Visitor {
    /// Visits the resources of one kind.
    fn visit<R: Resource>(&mut self, kind: Kind, resources: &BTreeMap<Name, R::Seen>);
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $section:ident: $module:ident::$Kind:ident,)*) => {
        /// The resource kinds, in the order in which plans show them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($(#[$doc])* $Kind,)*
        }

        impl Kind {
            /// Every kind, in display order.
            pub const ALL: [Self; [$(stringify!($section)),*].len()] = [$(Self::$Kind),*];

            /// Returns the section of the stack file that declares this kind.
            pub const fn section(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($section),)*
                }
            }

            /// Returns the maximum number of concurrent steps.
            pub const fn at_once(self) -> usize {
                match self {
                    $(Self::$Kind => <$module::$Kind as Resource>::AT_ONCE,)*
                }
            }

            /// Returns whether the service cannot handle concurrent calls on one resource.
            pub const fn one_by_one(self) -> bool {
                match self {
                    $(Self::$Kind => <$module::$Kind as Resource>::ONE_BY_ONE,)*
                }
            }

            /// Returns the consequence of a resource that does not exist.
            pub const fn without(self) -> Without {
                match self {
                    $(Self::$Kind => <$module::$Kind as Resource>::WITHOUT,)*
                }
            }

            /// Returns whether CloudTrail records the calls of the service in one region for all.
            pub const fn is_global(self) -> bool {
                match self {
                    $(Self::$Kind => <$module::$Kind as Resource>::IS_GLOBAL,)*
                }
            }
        }

        /// One mutating operation on one resource.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Op {
            $(
                $(#[$doc])*
                $Kind {
                    /// The resource.
                    name: Name,
                    /// The call.
                    op: <$module::$Kind as Resource>::Op,
                },
            )*
        }

        impl Op {
            /// Returns the resource that the operation changes.
            pub fn resource(&self) -> ResourceId {
                match self {
                    $(Self::$Kind { name, .. } => ResourceId::new(Kind::$Kind, name),)*
                }
            }

            /// Returns the arguments of the call itself, in which references to other resources may stand. A value that
            /// cannot be serialized contains none.
            pub(super) fn arguments(&self) -> String {
                let arguments = match self {
                    $(Self::$Kind { op, .. } => <$module::$Kind as Resource>::arguments(op),)*
                };
                arguments.unwrap_or_default()
            }
        }

        /// A target state of a plan: every resource of the stack, with derived key policies.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Target {
            $($(#[$doc])* pub $section: BTreeMap<Name, <$module::$Kind as Resource>::Want>,)*
        }

        /// The part of AWS that belongs to a stack: resources that carry its tags, and those that its names and aliases
        /// lead to.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct World {
            $($(#[$doc])* pub $section: BTreeMap<Name, <$module::$Kind as Resource>::Seen>,)*
            /// Resources that exist under a name of the stack, or may exist, but could not be read, with the reason.
            pub unread: BTreeMap<ResourceId, String>,
            /// Aliases that the stack wants and that point to keys outside the stack, with these keys.
            pub foreign_aliases: BTreeMap<String, key::Seen>,
            /// Names that the stack wants but that are taken by resources without its tags: a description of each.
            pub foreign: BTreeMap<ResourceId, String>,
            /// IDs of the resources above, used to fill in references.
            pub ids: Ids,
            /// ARNs of all roles that the stack wants or has. For these, it is known whether they exist.
            pub role_arns: BTreeSet<String>,
            /// Documents of the managed policies and boundaries that roles of the stack have or want, by ARN; those that
            /// could not be read are missing.
            pub managed_documents: BTreeMap<String, PolicyDocument>,
        }

        impl World {
            /// Visits the resources of every kind.
            pub fn visit(&self, visitor: &mut impl Visitor) {
                $(visitor.visit::<$module::$Kind>(Kind::$Kind, &self.$section);)*
            }

            /// Lists the steps of every resource from this world to a target, not yet ordered.
            pub(super) fn steps_to(&self, target: &Target) -> Vec<Draft> {
                let mut drafts = Vec::new();
                $(
                    let names: BTreeSet<&Name> = target.$section.keys().chain(self.$section.keys()).collect();
                    for name in names {
                        let (want, seen) = (target.$section.get(name), self.$section.get(name));
                        drafts.extend(<$module::$Kind as Resource>::steps(name, want, seen));
                    }
                )*
                drafts
            }

            /// Applies one operation, with its effects on other resources.
            pub(super) fn carry_out(&mut self, op: &Op) -> Result<(), String> {
                match op {
                    $(
                        Op::$Kind { name, op } => {
                            <$module::$Kind as Resource>::check(self, name, op)?;
                            let before = self.$section.get(name).cloned();
                            match <$module::$Kind as Resource>::predict(before.clone(), op)? {
                                Some(next) => self.$section.insert(name.clone(), next),
                                None => self.$section.remove(name),
                            };
                            <$module::$Kind as Resource>::settle(self, name, op, before);
                        }
                    )*
                }
                Ok(())
            }

            /// Returns the state that an operation overwrites in this world.
            pub fn expected(&self, op: &Op) -> Expected {
                let expected = match op {
                    $(
                        Op::$Kind { name, op } => {
                            let seen = self.$section.get(name);
                            seen.and_then(|seen| <$module::$Kind as Resource>::expected(seen, op))
                        }
                    )*
                };
                expected.unwrap_or(Expected::Anything)
            }

            /// Returns whether something about a resource can be referred to.
            pub(super) fn knows(&self, resource: &ResourceId, aspect: &Aspect) -> bool {
                let ResourceId { kind, name } = resource;
                match kind {
                    $(
                        Kind::$Kind => {
                            let seen = self.$section.get(name);
                            seen.is_some_and(|seen| <$module::$Kind as Resource>::knows(seen, aspect))
                        }
                    )*
                }
            }

            /// Lists the names under which CloudTrail records calls on a resource.
            pub fn trail_names(&self, target: &Target, resource: &ResourceId) -> Vec<String> {
                let ResourceId { kind, name } = resource;
                match kind {
                    $(
                        Kind::$Kind => <$module::$Kind as Resource>::trail_names(
                            target.$section.get(name),
                            self.$section.get(name),
                        ),
                    )*
                }
            }
        }
    };
}

kinds! {
    /// KMS keys with their policies and aliases.
    keys: key::Key,
    /// IAM roles.
    roles: role::Role,
    /// CloudWatch Logs log groups.
    log_groups: log_group::LogGroup,
    /// Lambda functions with their versions, aliases and permissions.
    functions: function::Function,
    /// API Gateway REST APIs with their stages.
    apis: api::Api,
    /// API Gateway custom domain names of APIs.
    domains: domain::Domain,
}
