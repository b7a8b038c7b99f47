//! What an operation replaces, for looking at it right before.

use super::{Op, World, function, key};
use crate::access::PolicyDocument;

/// What AWS should have where an operation writes, as far as overwriting it would lose something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing that could be lost, or nothing that could be read.
    Anything,
    /// This key policy.
    Policy(Box<PolicyDocument>),
    /// This configuration of a function.
    Config(Box<function::Config>),
    /// Code with this `CodeSha256`.
    Code(String),
}

impl World {
    /// Returns what an operation finds in this world.
    pub fn expected(&self, op: &Op) -> Expected {
        let found = match op {
            Op::Key { name, op: key::Op::PutPolicy { .. } } => self
                .keys
                .get(name)
                .filter(|seen| !seen.unread.contains_key("policy"))
                .map(|seen| Expected::Policy(Box::new(seen.spec.policy.clone()))),
            Op::Function { name, op: function::Op::Configure { .. } } => self
                .functions
                .get(name)
                .filter(|seen| !seen.unread.contains_key("env"))
                .map(|seen| Expected::Config(Box::new(seen.config.clone()))),
            Op::Function { name, op: function::Op::UpdateCode { .. } } => {
                self.functions.get(name).map(|seen| Expected::Code(seen.code_sha256.clone()))
            }
            _ => None,
        };
        found.unwrap_or(Expected::Anything)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::access::Statement;

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
        function::Config {
            role: "arn:aws:iam::111122223333:role/r".to_owned(),
            description: String::new(),
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            memory,
            timeout: 3,
            env: BTreeMap::new(),
            env_key: None,
            ephemeral_storage: 512,
            layers: Vec::new(),
            vpc: None,
            tracing: false,
            log_group: "/aws/lambda/encrypt".to_owned(),
        }
    }

    fn code(source: &str) -> function::Code {
        function::Code { source: source.to_owned(), architecture: "x86_64".to_owned() }
    }

    /// A key with the policy `first`, and a function with 128 MB and the code `first`.
    fn world() -> World {
        let key = key::Spec {
            key_spec: "SYMMETRIC_DEFAULT".to_owned(),
            usage: "ENCRYPT_DECRYPT".to_owned(),
            multi_region: false,
            description: String::new(),
            enabled: true,
            rotation: None,
            aliases: BTreeSet::new(),
            policy: policy("first"),
            tags: BTreeMap::new(),
            deletion_window: 30,
        };
        let function = function::Spec {
            function_name: "encrypt".to_owned(),
            config: config(128),
            code: code("first"),
            reserved_concurrency: None,
            aliases: BTreeMap::new(),
            permissions: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
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
    fn the_second_change_of_a_run_finds_what_the_first_has_made() {
        let mut world = world();
        world.apply(&put("wide")).unwrap();
        assert_eq!(world.expected(&put("narrow")), Expected::Policy(Box::new(policy("wide"))));
        let configure = |memory| of_function(function::Op::Configure { config: config(memory) });
        world.apply(&configure(256)).unwrap();
        assert_eq!(world.expected(&configure(512)), Expected::Config(Box::new(config(256))));
        // Its tags are none of its configuration.
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
        // Nor does a change of what is not there.
        let elsewhere = Op::Key { name: "other".into(), op: key::Op::PutPolicy { policy: policy("x") } };
        assert_eq!(world.expected(&elsewhere), Expected::Anything);
    }
}
