//! The grants by which Lambda decrypts the environments of functions: each is for the id of a role, and is created when
//! the role of the function changes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::gateway::Target;
use super::roles::Roles;
use super::{Operation, State};

const LATEST: &str = "$LATEST";

/// By function and version: the role as it was configured, and the id that the grant is for.
#[derive(Default)]
pub struct Grants {
    made: BTreeMap<(String, String), (String, String)>,
    /// Versions by function and alias.
    aliases: BTreeMap<(String, String), String>,
}

impl Grants {
    /// Records the effect of a call, according to its answer.
    pub fn follow(&mut self, operation: &Operation, answer: &Value, roles: &Roles) {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        match operation.name.as_str() {
            "lambda:CreateFunction" | "lambda:UpdateFunctionConfiguration" => {
                let (place, role) = ((text("FunctionName"), LATEST.to_owned()), text("Role"));
                if self.made.get(&place).is_none_or(|(before, _)| *before != role) {
                    let id = roles.id(&role).unwrap_or_default().to_owned();
                    self.made.insert(place, (role, id));
                }
            }
            "lambda:PublishVersion" => {
                let (name, version) = (text("FunctionName"), text("Version"));
                if let Some(latest) = self.made.get(&(name.clone(), LATEST.to_owned())).cloned() {
                    self.made.entry((name, version)).or_insert(latest);
                }
            }
            "lambda:CreateAlias" | "lambda:UpdateAlias" => {
                let alias = (operation.arg(0).to_owned(), text("Name"));
                self.aliases.insert(alias, text("FunctionVersion"));
            }
            "lambda:DeleteFunction" => {
                self.made.retain(|(name, _), _| name != operation.arg(0));
                self.aliases.retain(|(name, _), _| name != operation.arg(0));
            }
            _ => {}
        }
    }
}

impl State {
    /// Returns whether Lambda can decrypt the environment of the target of a route.
    pub(super) fn decrypts(&self, target: &Target) -> bool {
        let version = match &target.alias {
            Some(alias) => self.grants.aliases.get(&(target.name.clone(), alias.clone())),
            None => None,
        };
        let version = version.map_or(LATEST, String::as_str);
        let made = self.grants.made.get(&(target.name.clone(), version.to_owned()));
        made.is_none_or(|(role, id)| self.roles.id(role) == Some(id))
    }
}
