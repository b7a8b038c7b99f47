//! The references of an operation to other resources.

use std::collections::BTreeSet;

use super::step::Aspect;
use super::{Fact, Op, ResourceId, ids};

impl Op {
    /// Lists the facts that must hold before the references in the operation can be filled in.
    ///
    /// Only the arguments of the call itself count: a role is created without its policies.
    pub fn refers_to(&self) -> BTreeSet<Fact> {
        let own = self.resource();
        let taken = self.arguments();
        let facts = ids::open_in(&taken).into_iter().filter_map(|reference| {
            let (address, attribute) = reference.rsplit_once('.')?;
            let resource = ResourceId::parse(address).filter(|resource| *resource != own)?;
            // The URL of an API is the URL of its stage.
            let aspect = if attribute == "url" { Aspect::Served } else { Aspect::Exists };
            Some(Fact::new(resource, aspect))
        });
        facts.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::access::{PolicyDocument, Statement};
    use crate::kinds::{Kind, Name, key, role};

    fn put_inline(resource: &str) -> role::Op {
        let statement = Statement::allow("Use").actions(["kms:Decrypt"]).resource(resource);
        role::Op::PutInline { policy: "use".to_owned(), document: PolicyDocument::new([statement]) }
    }

    #[test]
    fn ids_are_known_once_the_resource_exists_and_addresses_once_it_is_served() {
        let of = |op| Op::Role { name: "r".into(), op }.refers_to();
        let fact = |kind, name: &str, aspect| Fact::new(ResourceId::new(kind, &Name::from(name)), aspect);
        assert_eq!(
            of(put_inline(&ids::to("keys.text.arn"))),
            BTreeSet::from([fact(Kind::Key, "text", Aspect::Exists)])
        );
        assert_eq!(
            of(role::Op::Tag { tags: BTreeMap::from([("url".to_owned(), ids::to("apis.text.url"))]) }),
            BTreeSet::from([fact(Kind::Api, "text", Aspect::Served)])
        );
        assert!(of(put_inline("*")).is_empty());
    }

    #[test]
    fn nobody_waits_for_himself() {
        let op = key::Op::Describe { description: ids::to("keys.text.arn") };
        assert!(Op::Key { name: "text".into(), op }.refers_to().is_empty());
    }
}
