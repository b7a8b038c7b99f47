//! Turns the text of a stack file into [`Desired`](desired::Desired).
//!
//! The text becomes a tree in which every value knows its place. An environment is merged into the tree and its
//! references are filled in. The tree is checked against the JSON Schema of the [`model`], and the model is compiled.
//! Every step reports problems and continues, so that the user sees all of them at once.

mod compile;
pub mod desired;
mod diagnostics;
mod interpolate;
pub mod model;
mod names;
mod select;
mod structure;
mod suggest;
mod tree;
mod yaml;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;

pub use diagnostics::{Diagnostic, Diagnostics, Label, Severity};
pub use yaml::MAX_BYTES;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use self::desired::{Desired, Place};
use self::names::Names;
use self::tree::Node;
use crate::access::is_account_id;

/// The stack file of the README.
pub const EXAMPLE: &str = include_str!("../../stack.yaml");

/// Maximum number of bytes that are processed for all environments together, so that no file takes long.
const MAX_WORK: usize = 64 * MAX_BYTES;

/// The text of a stack file, and the name that the user gave.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// File as the user named it.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// The input that the caller gives besides the file.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Name of the environment; `None` for the only one in the file.
    pub env: Option<String>,
    /// Variables by name, from `--var NAME=VALUE`.
    pub vars: BTreeMap<String, String>,
    /// The environment of the process, for `LOCKSTEP_VAR_NAME`.
    pub process_env: BTreeMap<String, String>,
}

/// A stack file that was parsed and checked as far as possible without an account.
#[derive(Clone, Debug)]
pub struct StackFile {
    file: String,
    text: String,
    tree: Node,
    warnings: Diagnostics,
}

/// Parses a stack file, and checks everything in every environment that does not depend on the account.
///
/// # Errors
///
/// Every problem in the file, in the order of its lines.
pub fn parse(source: Source<'_>) -> Result<StackFile, Diagnostics> {
    let mut problems = Diagnostics::default();
    let Some((tree, weight)) = yaml::read(source.text, &mut problems) else { return Err(problems.sorted()) };
    // The whole file is checked first: an override may hide a problem, or a part may not be used by any environment.
    structure::check(json_schema(), &tree, true, &mut problems);
    check_environments(&tree, &mut problems);
    warn_about_variables(&tree, source.text, &mut problems);
    let count = select::environments(&tree).count();
    if count.saturating_mul(weight) > MAX_WORK {
        let problem = format!("{count} environments of a file this large are too many");
        problems.push(Diagnostic::error(None, "too-large", problem).help("split the stack"));
        return Err(problems.sorted());
    }
    let warnings = Diagnostics::default();
    let mut file = StackFile { file: source.file.to_owned(), text: source.text.to_owned(), tree, warnings };
    for env in file.environments() {
        let place = file.assumed_place(&env);
        let inputs = Inputs { env: Some(env), ..Inputs::default() };
        let (_, found) = file.compiled(&inputs, &place);
        // A variable without a value may be given one later.
        found
            .0
            .into_iter()
            .filter(|problem| problem.code != "missing-variable")
            .for_each(|problem| problems.push(problem));
    }
    let (errors, warnings) = problems.sorted().split();
    if errors.is_empty() {
        file.warnings = warnings;
        Ok(file)
    } else {
        Err(errors)
    }
}

impl StackFile {
    /// Returns the name of the stack.
    pub fn name(&self) -> &str {
        self.tree.get("stack").and_then(Node::text).unwrap_or_default()
    }

    /// Lists the environments, in the order of the file.
    pub fn environments(&self) -> Vec<String> {
        select::environments(&self.tree).map(str::to_owned).collect()
    }

    /// Returns the selected environment: the named one, or the only one.
    ///
    /// # Errors
    ///
    /// An environment that is not declared, or no name although there are several.
    pub fn environment(&self, wanted: Option<&str>) -> Result<String, Diagnostics> {
        select::environment(&self.tree, wanted).map_err(|problem| Diagnostics(vec![problem]))
    }

    /// Returns the region of an environment, or otherwise of the stack.
    pub fn region_for(&self, env: &str) -> Option<&str> {
        self.of_environment(env, "region").or_else(|| self.tree.get("region")).and_then(Node::text)
    }

    /// Returns the only account that an environment may be deployed to.
    pub fn account_for(&self, env: &str) -> Option<&str> {
        self.of_environment(env, "account").and_then(Node::text)
    }

    /// Returns the warnings: problems that do not prevent the file from being used.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// Compiles one environment.
    ///
    /// # Errors
    ///
    /// Problems that depend on the given variables and place; all others were found by [`parse`].
    pub fn compile(&self, inputs: &Inputs, place: &Place) -> Result<Desired, Diagnostics> {
        let (desired, problems) = self.compiled(inputs, place);
        let (errors, _) = problems.sorted().split();
        match desired {
            Some(desired) if errors.is_empty() => Ok(desired),
            _ => Err(errors),
        }
    }

    fn compiled(&self, inputs: &Inputs, place: &Place) -> (Option<Desired>, Diagnostics) {
        let mut problems = Diagnostics::default();
        let env = match select::environment(&self.tree, inputs.env.as_deref()) {
            Ok(env) => env,
            Err(problem) => return (None, Diagnostics(vec![problem])),
        };
        let merged = select::merged(&self.tree, &env);
        let variables = select::variables(&self.tree, &env, inputs, &mut problems);
        let names = Names { stack: self.name(), env: &env, place };
        let tree = interpolate::fill((&merged, &self.text), names, &variables, &mut problems);
        let desired = compile::compile(&tree, names, &self.file, &mut problems);
        let protect = self.of_environment(&env, "protect").map(Node::to_json) == Some(Json::Bool(true));
        (desired.map(|desired| Desired { protect, ..desired }), problems)
    }

    fn of_environment(&self, env: &str, field: &str) -> Option<&Node> {
        self.tree.get("environments")?.get(env)?.get(field)
    }

    /// Returns an assumed account and region for checking an environment before its account is known.
    fn assumed_place(&self, env: &str) -> Place {
        Place {
            partition: "aws".to_owned(),
            account: self.account_for(env).unwrap_or("000000000000").to_owned(),
            region: self.region_for(env).unwrap_or("us-east-1").to_owned(),
            function_env: BTreeMap::new(),
            longest_init: 0,
        }
    }
}

/// Checks the names and fields that are used before anything is compiled: those of environments and of the stack
/// itself.
fn check_environments(tree: &Node, problems: &mut Diagnostics) {
    if matches!(tree.value, tree::Value::Map(_)) && select::environments(tree).next().is_none() {
        let place = tree.entry("environments").map(|entry| entry.key_span);
        let problem = Diagnostic::error(place, "missing-key", "the stack has no environment");
        problems.push(problem.help("write it as in `environments: { test: {} }`"));
    }
    for entry in tree.get("environments").map(Node::entries).unwrap_or_default() {
        if !names::is_label(&entry.key) {
            let problem = format!("`{}` is not a valid environment name", entry.key);
            problems
                .push(Diagnostic::error(Some(entry.key_span), "bad-name", problem).help(names::LABEL_HELP));
        }
        let text = |field: &str| entry.value.get(field).and_then(|node| Some((node, node.text()?)));
        if let Some((node, account)) = text("account").filter(|(_, account)| !is_account_id(account)) {
            let problem = format!("`{account}` is not a valid account id; it has twelve digits");
            problems.push(Diagnostic::error(Some(node.span), "bad-value", problem));
        }
        if let Some((node, region)) = text("region").filter(|(_, region)| !names::is_region(region)) {
            let problem = format!("`{region}` is not a valid region; one is written `eu-central-1`");
            problems.push(Diagnostic::error(Some(node.span), "bad-value", problem));
        }
    }
    let stack = tree.get("stack").and_then(|node| Some((node, node.text()?)));
    if let Some((node, name)) = stack.filter(|(_, name)| !names::is_label(name)) {
        let problem = format!("`{name}` is not a valid stack name");
        problems.push(Diagnostic::error(Some(node.span), "bad-name", problem).help(names::LABEL_HELP));
    }
    let region = tree.get("region").and_then(|node| Some((node, node.text()?)));
    if let Some((node, region)) = region.filter(|(_, region)| !names::is_region(region)) {
        let problem = format!("`{region}` is not a valid region; one is written `eu-central-1`");
        problems.push(Diagnostic::error(Some(node.span), "bad-value", problem));
    }
}

/// Warns about variables that are declared but not used, because this usually means a typo elsewhere.
fn warn_about_variables(tree: &Node, text: &str, problems: &mut Diagnostics) {
    let used: BTreeSet<&str> =
        text.split("${var.").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
    for entry in tree.get("variables").map(Node::entries).unwrap_or_default() {
        if !used.contains(entry.key.as_str()) {
            let problem = format!("the variable `{}` is used nowhere", entry.key);
            problems.push(Diagnostic::warning(entry.key_span, "unused-variable", problem));
        }
    }
}

/// Returns the JSON Schema of the format, for editors.
pub fn schema() -> Json {
    structure::for_editors(json_schema())
}

fn json_schema() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(|| schemars::schema_for!(model::File).to_value())
}

/// Returns the SHA-256 of a text in hexadecimal digits.
pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
