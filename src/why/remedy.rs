//! Finds the remedy for a decision, and its place in the stack file.

use super::{Asked, Known, Moment, Remedy, shown};
use crate::access::{Layer, Outcome, Reason};
use crate::kinds::{Name, key};
use crate::plan::renewal;
use crate::stack::desired::Desired;

/// Finds the remedy; returns `None` if none is needed.
pub(super) fn remedy(asked: &Asked<'_>, moment: Moment, known: Known<'_>) -> Option<Remedy> {
    if asked.is_allowed() {
        return unusable(asked).or_else(|| asked.cut_off());
    }
    let planned = (moment == Moment::Live).then_some(()).and(known.planned).filter(|_| asked.is_ours());
    let after = planned.and_then(|scene| {
        let seen = scene.world.keys.get(&asked.question.key)?;
        Some(Asked::new(asked.question, scene, seen))
    });
    let found = after
        .filter(|after| after.is_allowed() && !after.is_missing())
        .map(|_| asked.applied())
        .or_else(|| asked.moved_by_hand())
        .unwrap_or_else(|| asked.declared());
    Some(found)
}

/// Returns the remedy for a key that is allowed but cannot be used.
fn unusable(asked: &Asked<'_>) -> Option<Remedy> {
    if asked.seen.spec.enabled {
        return None;
    }
    let field = format!("keys.{}.enabled", asked.question.key);
    let wanted = asked.desired().keys.get(&asked.question.key).is_some_and(|want| want.spec.enabled);
    let what = match (wanted, &asked.seen.state) {
        (true, key::State::PendingDeletion(_)) => {
            "run lockstep apply, which cancels the deletion and enables it"
        }
        (true, _) => "run lockstep apply, which enables it",
        (false, _) => "let the stack file enable it, and run lockstep apply",
    };
    Some(asked.at(what.to_owned(), &field))
}

impl Asked<'_> {
    fn desired(&self) -> &Desired {
        self.scene.desired
    }

    fn is_ours(&self) -> bool {
        self.desired().keys.contains_key(&self.question.key)
    }

    fn at(&self, what: String, field: &str) -> Remedy {
        Remedy { what, line: self.desired().line_of(field).cloned() }
    }

    /// Returns the function of the stack file that runs under the principal, preferably one that uses the key.
    fn function(&self) -> Option<&Name> {
        let arn = self.caller.arn();
        let under = || self.desired().functions.iter().filter(|(_, want)| want.spec.config.role == arn);
        let user = under().find(|(_, want)| want.uses.contains_key(&self.question.key));
        user.or_else(|| under().next()).map(|(name, _)| name)
    }

    /// Returns the remedy if the role may use the key but its function fails: Lambda decrypts the environment for
    /// another role.
    fn cut_off(&self) -> Option<Remedy> {
        let world = self.scene.world;
        let mut under = world.functions.iter().filter(|(_, seen)| seen.config.role == self.caller.arn());
        let (name, _) = under.find(|(_, seen)| world.is_cut_off(seen))?;
        let what = format!(
            "functions.{name} fails all the same: it was configured before the role was deleted and re-created, \
             so Lambda cannot decrypt its environment variables; {}",
            renewal(self.desired(), world, name)
        );
        Some(self.at(what, &format!("functions.{name}.role")))
    }

    /// Returns the remedy if the stack file already gives the access.
    fn applied(&self) -> Remedy {
        let Some(function) = self.function() else {
            let field = format!("keys.{}", self.question.key);
            return self.at("the stack file allows it: run lockstep apply".to_owned(), &field);
        };
        let runs_as = self.scene.world.functions.get(function).map(|seen| seen.config.role.as_str());
        if runs_as == Some(self.caller.arn()) {
            let field = format!("functions.{function}.keys.{}", self.question.key);
            let what = format!(
                "AWS has another key policy than the stack file gives functions.{function}: run lockstep apply"
            );
            return self.at(what, &field);
        }
        self.at(
            format!("functions.{function}.role changed: run lockstep apply"),
            &format!("functions.{function}.role"),
        )
    }

    /// Returns the remedy if a function was moved to the principal without a change of the stack file.
    fn moved_by_hand(&self) -> Option<Remedy> {
        let arn = self.caller.arn();
        let moved = self.desired().functions.iter().find(|(name, want)| {
            let seen = self.scene.world.functions.get(*name);
            want.spec.config.role != arn
                && want.uses.contains_key(&self.question.key)
                && seen.is_some_and(|seen| seen.config.role == arn)
        });
        let (name, want) = moved?;
        let back = shown(self.desired(), &want.spec.config.role);
        let or = match self.desired().role_by_arn(arn) {
            Some(role) => format!(", or change that line to {role} and apply"),
            None => String::new(),
        };
        Some(self.at(
            format!("functions.{name} was moved to it outside the stack file: run lockstep apply to put it back to {back}{or}"),
            &format!("functions.{name}.role"),
        ))
    }

    /// Returns the remedy if the stack file itself does not give the access.
    fn declared(&self) -> Remedy {
        let role = self.desired().role_by_arn(self.caller.arn());
        match (self.decision.outcome, self.decision.reason, role) {
            (Outcome::Unknown, ..) => {
                self.at("let lockstep read what is not known".to_owned(), &self.key_field())
            }
            (_, Reason::ExplicitDeny(layer), role) => self.denied(layer, role),
            (_, Reason::BoundaryNoAllow, Some(role)) => self.at(
                format!("let the boundary of {role} allow {}", self.question.action),
                &format!("roles.{role}.permissions_boundary"),
            ),
            (_, Reason::SessionNoAllow, _) => {
                self.at("use a session policy that allows it".to_owned(), &self.key_field())
            }
            (_, Reason::ScpNoAllow, _) => {
                self.at("contact the administrator of your AWS organization".to_owned(), &self.key_field())
            }
            (_, Reason::CrossAccountOperation, _) => {
                self.at("call it with credentials of the account of the key".to_owned(), &self.key_field())
            }
            (_, Reason::NoIdentityAllow, _) => {
                let key = &self.question.key;
                let or = match self.is_ours() && word_of(self.operation()).is_none() {
                    true => format!(", or name it in keys.{key}.administrators"),
                    false => String::new(),
                };
                self.at(format!("let a policy of it allow {}{or}", self.question.action), &self.key_field())
            }
            _ => self.ungiven(role),
        }
    }

    fn key_field(&self) -> String {
        format!("keys.{}", self.question.key)
    }

    /// Returns the remedy if a statement denies the access.
    fn denied(&self, layer: Layer, role: Option<&Name>) -> Remedy {
        let statement =
            self.decision.statements.first().map(|one| super::cause::cited(one)).unwrap_or_default();
        let what = format!("take out {statement}, or its part about {}", self.operation());
        let policy = self.decision.statements.first().and_then(|one| {
            let rest = one.strip_prefix("identity:")?;
            rest.rsplit_once('/').map(|(policy, _)| policy)
        });
        let field = match (layer, role, policy) {
            (Layer::Identity, Some(role), Some(policy)) => format!("roles.{role}.inline_policies.{policy}"),
            (Layer::Boundary, Some(role), _) => format!("roles.{role}.permissions_boundary"),
            (Layer::KeyPolicy, ..) => format!("keys.{}.statements", self.question.key),
            _ => self.key_field(),
        };
        match layer {
            Layer::Scp | Layer::Rcp => Remedy {
                what: format!("{what}: contact the administrator of your AWS organization"),
                line: None,
            },
            _ => self.at(what, &field),
        }
    }

    /// Returns the line of the stack file that would give the access, which nothing gives so far.
    fn ungiven(&self, role: Option<&Name>) -> Remedy {
        let key = &self.question.key;
        if !self.is_ours() {
            let who = shown(self.desired(), self.caller.arn());
            let what =
                format!("the key is not part of this stack: whoever owns it must let its policy allow {who}");
            return Remedy { what, line: None };
        }
        match (word_of(self.operation()), role, self.function()) {
            (None, ..) => self.at(
                format!(
                    "name it in keys.{key}.administrators, or in a statement under keys.{key}.statements"
                ),
                &self.key_field(),
            ),
            (Some(word), _, Some(function)) => {
                let want = self.desired().functions.get(function);
                let add = match want.is_some_and(|want| want.uses.contains_key(key)) {
                    true => format!("add `{word}` to functions.{function}.keys.{key}"),
                    false => format!("add `{key}: [{word}]` to functions.{function}.keys"),
                };
                self.at(format!("{add}, and run lockstep apply"), &format!("functions.{function}.keys.{key}"))
            }
            (_, Some(role), None) => {
                let users = self.desired().functions.iter().filter(|(_, want)| want.uses.contains_key(key));
                let users: Vec<String> = users.map(|(name, _)| format!("functions.{name}")).collect();
                let Some(first) = users.first() else {
                    let what = format!(
                        "no function runs as {role}: let one run as it that uses keys.{key}, and run lockstep apply"
                    );
                    return self.at(what, &format!("roles.{role}"));
                };
                let what = format!(
                    "no function runs as {role}: change the role of {} to {role} if it should, and run lockstep apply",
                    users.join(" or ")
                );
                self.at(what, &format!("{first}.role"))
            }
            (_, None, None) => self.at(
                format!("name it in a statement under keys.{key}.statements, and run lockstep apply"),
                &self.key_field(),
            ),
        }
    }
}

/// The uses of keys by functions, by operation, in the words of stack files.
const USES: [(&str, &str); 15] = [
    ("Encrypt", "encrypt"),
    ("Decrypt", "decrypt"),
    ("GenerateDataKey", "generate-data-key"),
    ("GenerateDataKeyWithoutPlaintext", "generate-data-key-without-plaintext"),
    ("GenerateDataKeyPair", "generate-data-key-pair"),
    ("GenerateDataKeyPairWithoutPlaintext", "generate-data-key-pair-without-plaintext"),
    ("ReEncryptFrom", "re-encrypt"),
    ("ReEncryptTo", "re-encrypt"),
    ("Sign", "sign"),
    ("Verify", "verify"),
    ("GetPublicKey", "get-public-key"),
    ("GenerateMac", "generate-mac"),
    ("VerifyMac", "verify-mac"),
    ("DeriveSharedSecret", "derive-shared-secret"),
    ("DescribeKey", "describe"),
];

fn word_of(operation: &str) -> Option<&'static str> {
    USES.iter().find(|(name, _)| name.eq_ignore_ascii_case(operation)).map(|(_, word)| *word)
}
