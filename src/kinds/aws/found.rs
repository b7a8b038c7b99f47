//! The result of looking for the resources of one kind.

use std::collections::BTreeMap;

use crate::access::Arn;
use crate::kinds::{Ids, Kind, Name, ResourceId, Tags, tag};
use crate::stack::desired::Desired;

/// The resources of one kind that belong to a stack, and other resources that have their names.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The resources, by the name in their tag `lockstep:id`.
    pub seen: BTreeMap<Name, T>,
    /// Resources that exist, or may exist, but could not be read, each with the reason.
    pub unread: BTreeMap<ResourceId, String>,
    /// Names that the stack wants but that a resource without its tags has, each with a description of that resource.
    pub foreign: BTreeMap<ResourceId, String>,
    /// The identifiers of the resources: `keys.text.id`, `keys.text.arn`, `roles.app.name`, …
    pub ids: Ids,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        let (seen, unread, foreign) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { seen, unread, foreign, ids: Ids::default() }
    }
}

/// A resource that carries the tags of the stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tagged {
    /// Its address in the stack file.
    pub resource: ResourceId,
    /// Its ARN.
    pub arn: String,
}

impl Tagged {
    /// Returns what follows the last `/` or `:` of the ARN, such as the id of a key or the name of a function.
    pub fn last_part(&self) -> &str {
        let resource = Arn::split(&self.arn).map_or(self.arn.as_str(), |arn| arn.resource);
        resource.rsplit(['/', ':']).next().unwrap_or(resource)
    }
}

/// Returns the address of a resource if its tags are those of the stack.
pub fn owned(desired: &Desired, kind: Kind, tags: &Tags) -> Option<ResourceId> {
    let is = |key: &str, value: &str| tags.get(key).is_some_and(|found| found == value);
    if !is(tag::STACK, &desired.stack) || !is(tag::ENV, &desired.env) {
        return None;
    }
    ResourceId::parse(tags.get(tag::ID)?).filter(|resource| resource.kind == kind)
}

/// Describes the owner of a resource that has a name of the stack but not its tags.
pub fn owner(tags: &Tags) -> String {
    match (tags.get(tag::STACK), tags.get(tag::ENV)) {
        (Some(stack), Some(env)) => format!("belongs to the stack `{stack}` in `{env}`"),
        _ => "was not made by lockstep".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(arn: &str) -> Tagged {
        Tagged { resource: ResourceId::parse("keys.text").unwrap(), arn: arn.to_owned() }
    }

    #[test]
    fn the_last_part_names_the_resource() {
        assert_eq!(tagged("arn:aws:kms:eu-west-1:111122223333:key/mrk-1").last_part(), "mrk-1");
        assert_eq!(tagged("arn:aws:lambda:eu-west-1:111122223333:function:f").last_part(), "f");
        assert_eq!(tagged("arn:aws:apigateway:eu-west-1::/restapis/a1").last_part(), "a1");
    }

    #[test]
    fn the_owner_is_told_from_the_tags() {
        let tags =
            Tags::from([(tag::STACK.to_owned(), "s".to_owned()), (tag::ENV.to_owned(), "prod".to_owned())]);
        assert_eq!(owner(&tags), "belongs to the stack `s` in `prod`");
        assert_eq!(owner(&Tags::new()), "was not made by lockstep");
    }
}
