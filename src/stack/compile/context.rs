//! The context that every part of the compiler needs: names, places, and a list of problems.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::values::{Range, is_arn, is_word};
use crate::access::is_account_id;
use crate::kinds::{Kind, Name, ResourceId, Tags, ids};
use crate::stack::desired::identity_tags;
use crate::stack::diagnostics::{Diagnostic, Diagnostics};
use crate::stack::model::File;
use crate::stack::names::Names;
use crate::stack::suggest;
use crate::stack::tree::{Node, Span};

pub(super) struct Context<'a> {
    pub tree: &'a Node,
    pub names: Names<'a>,
    pub file: &'a File,
    /// Resources, by section and name.
    declared: BTreeSet<(&'static str, &'a str)>,
    problems: RefCell<Diagnostics>,
}

/// A path in the file, such as `["functions", "encrypt", "role"]`.
pub(super) type Path<'p> = &'p [&'p str];

impl<'a> Context<'a> {
    pub fn new(tree: &'a Node, names: Names<'a>, file: &'a File) -> Self {
        let section = |kind: Kind| {
            let names = tree.get(kind.section()).map(Node::entries).unwrap_or_default();
            names.iter().map(move |entry| (kind.section(), entry.key.as_str()))
        };
        let declared = Kind::ALL.into_iter().flat_map(section).collect();
        Self { tree, names, file, declared, problems: RefCell::default() }
    }

    pub fn into_problems(self) -> Diagnostics {
        self.problems.into_inner()
    }

    pub fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// Returns the place of a value, or of the nearest thing around it.
    pub fn at(&self, path: Path<'_>) -> Span {
        self.tree.place(path, false)
    }

    /// Creates an error about a value.
    pub fn about(&self, path: Path<'_>, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Some(self.at(path)), code, message)
    }

    /// Creates an error about a key.
    pub fn about_key(&self, path: Path<'_>, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Some(self.tree.place(path, true)), code, message)
    }

    /// Reports an error about a value.
    pub fn error(&self, path: Path<'_>, code: &'static str, message: impl Into<String>) {
        self.report(self.about(path, code, message));
    }

    /// Reports a warning about a value.
    pub fn warn(&self, path: Path<'_>, code: &'static str, message: impl Into<String>) {
        self.report(Diagnostic::warning(self.at(path), code, message));
    }

    /// Reports that AWS refuses a value if `holds` is false; `rule` describes the rule.
    pub fn require(&self, holds: bool, path: Path<'_>, rule: &str) -> bool {
        if !holds {
            let value = self.shown(path);
            self.error(path, "bad-value", format!("`{}` is {value}; {rule}", path.join(".")));
        }
        holds
    }

    fn shown(&self, path: Path<'_>) -> String {
        match self.tree.find(path).and_then(Node::text) {
            Some("") => "empty".to_owned(),
            Some(text) if text.chars().count() <= 60 => format!("`{text}`"),
            Some(text) => format!("{} characters long", text.chars().count()),
            None => "not right".to_owned(),
        }
    }

    /// Parses a duration; returns `None` if it is not set or not valid.
    pub fn duration(&self, path: Path<'_>, text: Option<&str>, range: Range) -> Option<u32> {
        let text = text?;
        match range.read(text) {
            Ok(count) => Some(count),
            Err(right) => {
                self.error(path, "bad-duration", format!("`{}` is `{text}`; {right}", path.join(".")));
                None
            }
        }
    }

    /// Checks that a resource of the stack exists.
    ///
    /// It looks at the file and not at the model, because a resource that is declared with errors has been reported
    /// there already.
    pub fn declared(&self, path: Path<'_>, section: &'static str, name: &str) -> bool {
        if self.declared.contains(&(section, name)) {
            return true;
        }
        let known = self.names_in(&[section]).collect();
        self.one_of(path, name, &format!("the stack has no {}", singular(section)), known)
    }

    /// Lists the keys of a mapping of the file.
    pub fn names_in(&self, path: Path<'_>) -> impl Iterator<Item = &'a str> + use<'a> {
        self.tree.find(path).map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str())
    }

    /// Checks that a name is one of the known names.
    pub fn one_of(&self, path: Path<'_>, name: &str, otherwise: &str, known: Vec<&str>) -> bool {
        if known.contains(&name) {
            return true;
        }
        let problem = self.about(path, "undeclared", format!("{otherwise} `{name}`"));
        self.report(problem.maybe_help(suggest::advice(name, known)));
        false
    }

    /// Checks that a text is not longer than AWS allows.
    pub fn at_most(&self, path: Path<'_>, text: &str, longest: usize) {
        let length = text.chars().count();
        if length > longest {
            let problem =
                format!("`{}` has {length} characters; at most {longest} are taken", path.join("."));
            self.error(path, "too-long", problem);
        }
    }

    /// Checks the name of a resource in the file, and the name that it gets in AWS.
    pub fn check_name(&self, path: Path<'_>, longest: usize) {
        let Some(name) = path.last() else { return };
        if !is_word(name, "-_", 64) || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let problem = format!("`{name}` is not a valid resource name");
            let help = "start with a letter; letters, digits, `-` and `_` may follow, 64 characters in all";
            self.report(self.about_key(path, "bad-name", problem).help(help));
        }
        let physical = self.names.physical(name);
        let length = physical.chars().count();
        if length > longest {
            let problem =
                format!("the name in AWS, `{physical}`, has {length} characters; at most {longest}");
            let help = format!("shorten `{name}`, the name of the stack or that of the environment");
            self.report(self.about_key(path, "too-long", problem).help(help));
        }
    }

    /// Returns all tags of a resource: those of the stack, its own, and those that identify it.
    pub fn tags(&self, path: Path<'_>, own: &Tags, kind: Kind, id: &str) -> Tags {
        let own_path: Vec<&str> = path.iter().copied().chain(["tags"]).collect();
        self.check_tags(&own_path, own);
        let mut all = self.file.tags.clone();
        all.extend(own.clone());
        all.extend(identity_tags(self.names.stack, self.names.env, &ResourceId::new(kind, &Name::from(id))));
        // A function has three more, which depend on its code and role.
        let most = if kind == Kind::Function { 47 } else { 50 };
        if all.len() > most {
            let problem = format!("{} tags, those of the stack included; at most {most}", all.len());
            self.report(self.about_key(&own_path, "too-many", problem));
        }
        all
    }

    fn check_tags(&self, path: Path<'_>, tags: &Tags) {
        const MORE: &str = " _.:/=+-@";
        for (key, value) in tags {
            let mut path = path.to_vec();
            path.push(key);
            let folded = key.to_ascii_lowercase();
            if folded.starts_with("aws:") || folded.starts_with("lockstep:") {
                let problem =
                    format!("`{key}`: tags that start with `aws:` and `lockstep:` are not yours to set");
                self.report(self.about_key(&path, "bad-tag", problem));
            } else if !key.chars().all(|c| c.is_alphanumeric() || MORE.contains(c)) || key.is_empty() {
                let problem = format!("`{key}` is not a valid tag key");
                let help = format!("letters, digits and `{MORE}` are taken");
                self.report(self.about_key(&path, "bad-tag", problem).help(help));
            } else if key.chars().count() > 128 {
                self.report(self.about_key(&path, "bad-tag", "the key of a tag has at most 128 characters"));
            }
            if value.chars().count() > 256 {
                self.error(&path, "bad-tag", "the value of a tag has at most 256 characters");
            } else if !value.chars().all(|c| c.is_alphanumeric() || MORE.contains(c)) && !ids::is_open(value)
            {
                let problem = format!("`{value}` is not a valid tag value");
                self.report(
                    self.about(&path, "bad-tag", problem)
                        .help(format!("letters, digits and `{MORE}` are taken")),
                );
            }
        }
    }

    /// Parses a principal: `roles.NAME`, `role/NAME`, `user/NAME`, an account ID, or an ARN.
    pub fn principal(&self, path: Path<'_>, text: &str) -> Option<String> {
        if let Some(role) = text.strip_prefix("roles.") {
            return self.declared(path, "roles", role).then(|| self.role_arn(role));
        }
        if text.starts_with("role/") || text.starts_with("user/") {
            let named = is_word(text.rsplit('/').next().unwrap_or_default(), "+=,.@-_", 64);
            return self
                .require(named, path, "the name has 1 to 64 letters, digits and `+=,.@-_`")
                .then(|| self.names.iam(text));
        }
        if is_account_id(text) {
            return Some(format!("arn:{}:iam::{text}:root", self.names.place.partition));
        }
        let known = ["role/", "user/"].iter().any(|resource| is_arn(text, "iam", resource))
            || text.ends_with(":root") && is_arn(text, "iam", "roo")
            || ["assumed-role/", "federated-user/"].iter().any(|resource| is_arn(text, "sts", resource));
        if !known || text.contains('*') {
            let problem = format!("`{text}` is not a valid principal");
            let help = "write `roles.NAME` for a role of the stack, `role/NAME` or `user/NAME` in this account, \
                        or an ARN without wildcards";
            self.report(self.about(path, "bad-principal", problem).help(help));
            return None;
        }
        Some(text.to_owned())
    }

    /// Returns the ARN of a role of the stack.
    pub fn role_arn(&self, name: &str) -> String {
        let path = self.file.roles.get(name).and_then(|role| role.path.clone());
        self.names.role_arn(name, &path.unwrap_or_else(|| self.names.role_path()))
    }

    /// Returns the ARN of a symmetric key, given as the name of a key of the stack or as an ARN.
    pub fn symmetric_key(&self, path: Path<'_>, text: &str) -> Option<String> {
        if is_arn(text, "kms", "key/") || ids::is_open(text) {
            return Some(text.to_owned());
        }
        if text.starts_with("arn:") {
            self.require(false, path, "the ARN of a key is `arn:aws:kms:REGION:ACCOUNT:key/ID`");
            return None;
        }
        if !self.declared(path, "keys", text) {
            return None;
        }
        if self.file.keys.get(text).is_some_and(|key| !key.spec.is_symmetric()) {
            self.error(
                path,
                "wrong-key",
                format!("`{text}` is not symmetric; AWS services take no other keys"),
            );
            return None;
        }
        Some(ids::to(&format!("keys.{text}.arn")))
    }

    /// Checks the tags of the stack.
    pub fn check_stack_tags(&self) {
        self.check_tags(&["tags"], &self.file.tags);
    }
}

fn singular(section: &str) -> &str {
    match section {
        "log_groups" => "log group",
        _ => section.trim_end_matches('s'),
    }
}
