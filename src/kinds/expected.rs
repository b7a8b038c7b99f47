//! The state that an operation is about to overwrite, so that it can be checked right before the call.

use super::function;
use crate::access::PolicyDocument;

/// The state that AWS should have before an operation overwrites it, as far as overwriting could lose something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing to check: either nothing could be lost, or the state could not be read.
    Anything,
    /// This key policy or trust policy.
    Policy(Box<PolicyDocument>),
    /// This inline policy of a role, or none.
    Inline(Option<Box<PolicyDocument>>),
    /// This configuration of a function.
    Config(Box<function::Config>),
    /// Code with this `CodeSha256`.
    Code(String),
    /// An alias of a function that routes to this version, and optionally this share to another.
    Alias(String, Option<(String, u32)>),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::access::Statement;
    use crate::kinds::{Op, World, key, role};
    use crate::plan::small_worlds::fixtures;

    fn policy(sid: &str) -> PolicyDocument {
        PolicyDocument::new([Statement::allow(sid).actions(["kms:Decrypt"]).resource("*")])
    }

    fn of_key(op: key::Op) -> Op {
        Op::Key { name: "text".into(), op }
    }

    fn of_function(op: function::Op) -> Op {
        Op::Function { name: "encrypt".into(), op }
    }

    fn put(sid: &str) -> Op {
        of_key(key::Op::PutPolicy { policy: policy(sid) })
    }

    fn config(memory: u32) -> function::Config {
        function::Config { memory, ..fixtures::function("encrypt", "r", &[]).spec.config }
    }

    fn code(source: &str) -> function::Code {
        function::Code { source: source.to_owned(), architecture: "x86_64".to_owned() }
    }

    /// A key with the policy `first`, and a function with 128 MB and the code `first`.
    fn world() -> World {
        let key = key::Spec { policy: policy("first"), ..fixtures::key().spec };
        let spec = fixtures::function("encrypt", "r", &[]).spec;
        let function = function::Spec { config: config(128), code: code("first"), ..spec };
        let mut world = World::default();
        world
            .keys
            .insert("text".into(), key::predict(None, &key::Op::Create { spec: key }).unwrap().unwrap());
        let made = function::predict(None, &function::Op::Create { spec: Box::new(function) });
        world.functions.insert("encrypt".into(), made.unwrap().unwrap());
        world
    }

    #[test]
    fn what_is_overwritten_is_what_the_plan_saw() {
        let world = world();
        let update = function::Op::UpdateCode { code: code("second") };
        let configure = function::Op::Configure { config: config(256) };
        assert_eq!(world.expected(&put("second")), Expected::Policy(Box::new(policy("first"))));
        assert_eq!(world.expected(&of_function(configure)), Expected::Config(Box::new(config(128))));
        let first = world.functions[&"encrypt".into()].code_sha256.clone();
        assert_eq!(world.expected(&of_function(update)), Expected::Code(first));
    }

    #[test]
    fn a_role_is_looked_at_where_a_policy_of_it_is_replaced() {
        let inline = BTreeMap::from([("own".to_owned(), policy("own"))]);
        let spec = role::Spec { trust: policy("trust"), inline, ..fixtures::role("r") };
        let seen = role::Seen { role_id: "AROA".to_owned(), spec, unread: BTreeMap::new() };
        let mut world = World { roles: BTreeMap::from([("r".into(), seen)]), ..World::default() };
        let of = |op| Op::Role { name: "r".into(), op };
        let put = |name: &str| role::Op::PutInline { policy: name.to_owned(), document: policy("new") };
        let trust = of(role::Op::PutTrust { trust: policy("new") });
        assert_eq!(world.expected(&trust), Expected::Policy(Box::new(policy("trust"))));
        assert_eq!(world.expected(&of(put("own"))), Expected::Inline(Some(Box::new(policy("own")))));
        assert_eq!(world.expected(&of(put("other"))), Expected::Inline(None));
        let delete = of(role::Op::DeleteInline { policy: "own".to_owned() });
        assert_eq!(world.expected(&delete), Expected::Inline(Some(Box::new(policy("own")))));
        world.apply(&of(put("own"))).unwrap();
        assert_eq!(world.expected(&delete), Expected::Inline(Some(Box::new(policy("new")))));
        let unread = &mut world.roles.get_mut(&"r".into()).unwrap().unread;
        unread.insert("inline_policies".to_owned(), "denied".to_owned());
        assert_eq!(world.expected(&delete), Expected::Anything);
    }

    #[test]
    fn an_alias_is_expected_where_it_was_seen() {
        let mut world = world();
        let publish = of_function(function::Op::Publish);
        world.apply(&publish).unwrap();
        let target = |version| function::Alias { version, additional: None };
        let name = || "live".to_owned();
        let latest = || target(function::Version::Latest);
        world.apply(&of_function(function::Op::CreateAlias { alias: name(), target: latest() })).unwrap();
        let moved = of_function(function::Op::MoveAlias { alias: name(), target: latest() });
        // Predicted, not observed.
        assert_eq!(world.expected(&moved), Expected::Anything);
        let seen = world.functions.get_mut(&"encrypt".into()).unwrap();
        seen.aliases.get_mut("live").unwrap().revision = "r-1".to_owned();
        assert_eq!(world.expected(&moved), Expected::Alias("1".to_owned(), None));
    }

    #[test]
    fn the_second_change_of_a_run_finds_what_the_first_has_made() {
        let mut world = world();
        world.apply(&put("wide")).unwrap();
        assert_eq!(world.expected(&put("narrow")), Expected::Policy(Box::new(policy("wide"))));
        let configure = |memory| of_function(function::Op::Configure { config: config(memory) });
        world.apply(&configure(256)).unwrap();
        assert_eq!(world.expected(&configure(512)), Expected::Config(Box::new(config(256))));
        // Tags are not part of the configuration.
        world.apply(&of_function(function::Op::Tag { tags: BTreeMap::new() })).unwrap();
        assert_eq!(world.expected(&configure(512)), Expected::Config(Box::new(config(256))));
    }

    #[test]
    fn what_could_not_be_read_is_not_compared() {
        let mut world = world();
        let denied = BTreeMap::from([("policy".to_owned(), "denied".to_owned())]);
        world.keys.get_mut(&"text".into()).unwrap().unread = denied;
        assert_eq!(world.expected(&put("second")), Expected::Anything);
        let function = world.functions.get_mut(&"encrypt".into()).unwrap();
        function.unread = BTreeMap::from([("env".to_owned(), "denied".to_owned())]);
        let configure = function::Op::Configure { config: config(256) };
        assert_eq!(world.expected(&of_function(configure)), Expected::Anything);
    }

    #[test]
    fn what_replaces_nothing_expects_nothing() {
        let world = world();
        let tags = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        assert_eq!(world.expected(&of_key(key::Op::Tag { tags: tags.clone() })), Expected::Anything);
        assert_eq!(world.expected(&of_function(function::Op::Tag { tags })), Expected::Anything);
        // A change to a resource that does not exist replaces nothing either.
        let elsewhere = Op::Key { name: "other".into(), op: key::Op::PutPolicy { policy: policy("x") } };
        assert_eq!(world.expected(&elsewhere), Expected::Anything);
    }
}
