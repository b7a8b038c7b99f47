//! Explains why a principal may, or may not, do something with a key: the cause in one sentence, the remedy with its
//! place in the stack file, and the result of every layer.

mod cause;
pub mod matrix;
mod message;
mod remedy;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::{Decision, Layer, Outcome, Request, Says, Stop, decide, path};
use crate::kinds::{Name, key};
use crate::plan::prove::AccessContext;
use crate::stack::desired::{Desired, Line};

pub use cause::cited;
pub use message::{Denial, denial};

/// A question about access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// ARN of the principal, or the name of a service.
    pub principal: String,
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// The key, by its name in the world that the question is about.
    pub key: Name,
    /// Encryption context of the request.
    pub encryption_context: BTreeMap<String, String>,
    /// Condition keys of the request.
    pub context: BTreeMap<String, String>,
}

/// The states of AWS that a question can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The current state of AWS.
    Live,
    /// The state after the plan.
    Planned,
}

/// The facts that are known when a question is asked.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The current state of AWS.
    pub live: AccessContext<'a>,
    /// The state after the plan; `None` if there is no plan.
    pub planned: Option<AccessContext<'a>>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// ARN of the principal.
    pub principal: String,
    /// The action.
    pub action: String,
    /// `keys.NAME`, or the ARN of a key outside the stack.
    pub key: String,
    /// The state of AWS that the explanation is about.
    pub moment: Moment,
    /// `allow`, `implicit_deny`, `explicit_deny` or `unknown`.
    pub decision: String,
    /// The reason code of the evaluator.
    pub reason: String,
    /// The cause in one sentence.
    pub cause: String,
    /// The remedy, if one is needed.
    pub remedy: Option<Remedy>,
    /// The statements that decide.
    pub statements: Vec<String>,
    /// The result of each layer, in the order in which a request is checked.
    pub layers: Vec<LayerView>,
    /// State of the key, which is independent of authorization: `enabled`, `disabled`, …
    pub key_state: String,
}

/// The next step, and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// The step, in one line.
    pub what: String,
    /// The place in the stack file.
    pub line: Option<Line>,
}

/// The result of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerView {
    /// The name of the layer, such as `key policy`.
    pub layer: String,
    /// The result, such as `allows`, `denies`, `does not allow`.
    pub says: String,
    /// The statements that produce the result.
    pub statements: Vec<String>,
    /// The policies that the layer consists of, if they have names.
    pub policies: Vec<String>,
    /// Statements that would have allowed the request except for one element: the statement, then that element.
    pub near_misses: Vec<(String, String)>,
}

/// Explains an access; returns `None` if the world has no such key.
pub fn explain(question: &Question, moment: Moment, known: Known<'_>) -> Option<Explanation> {
    let scene = match (moment, known.planned) {
        (Moment::Planned, Some(planned)) => planned,
        _ => known.live,
    };
    let seen = scene.world.keys.get(&question.key)?;
    let asked = Asked::new(question, scene, seen);
    let decision = &asked.decision;
    let remedy = remedy::remedy(&asked, moment, known);
    let stations = path(&asked.caller, &asked.request, &asked.facts);
    let limits =
        |stop| matches!(stop, Stop::Policy(Layer::Boundary | Layer::Session | Layer::Scp | Layer::Rcp));
    let layers = stations
        .into_iter()
        // A limit that does not exist is left out.
        .filter(|station| !(limits(station.stop) && station.says == Says::Nothing))
        .map(|station| LayerView {
            layer: cause::layer(station.stop).to_owned(),
            says: cause::says(station.stop, &station.says, asked.is_allowed()),
            statements: station.statements.into_iter().collect(),
            policies: station.policies.into_iter().collect(),
            near_misses: station
                .near_misses
                .into_iter()
                .map(|miss| (miss.statement, cause::miss(scene.desired, &miss.because)))
                .collect(),
        });
    Some(Explanation {
        principal: question.principal.clone(),
        action: question.action.clone(),
        key: asked.key_shown(),
        moment,
        decision: decision.outcome.as_str().to_owned(),
        reason: decision.reason.code().to_owned(),
        cause: cause::sentence(&asked),
        remedy,
        statements: decision.statements.iter().cloned().collect(),
        layers: layers.collect(),
        key_state: state(&seen.state),
    })
}

/// A question with its answer, in one world.
struct Asked<'a> {
    question: &'a Question,
    scene: AccessContext<'a>,
    seen: &'a key::Seen,
    caller: crate::access::Caller,
    request: Request,
    facts: crate::access::KeyFacts,
    decision: Decision,
}

impl<'a> Asked<'a> {
    fn new(question: &'a Question, scene: AccessContext<'a>, seen: &'a key::Seen) -> Self {
        let facts = scene.key(&question.key, seen);
        let caller = scene.caller(&question.principal);
        let mut request = Request::new(&question.action, &caller, &facts)
            .encryption_context(question.encryption_context.clone());
        for (name, value) in &question.context {
            request.context.set(name, value);
        }
        let decision = decide(&caller, &request, &facts);
        Self { question, scene, seen, caller, request, facts, decision }
    }

    fn is_allowed(&self) -> bool {
        self.decision.outcome == Outcome::Allow
    }

    /// Returns the action without `kms:`.
    fn operation(&self) -> &str {
        self.question.action.strip_prefix("kms:").unwrap_or(&self.question.action)
    }

    fn key_shown(&self) -> String {
        match self.scene.desired.keys.contains_key(&self.question.key) {
            true => format!("keys.{}", self.question.key),
            false => self.facts.arn.clone(),
        }
    }

    fn principal_shown(&self) -> String {
        shown(self.scene.desired, self.caller.arn())
    }

    /// Returns whether the principal is a role of the stack that does not exist.
    fn is_missing(&self) -> bool {
        let AccessContext { desired, world, evidence } = self.scene;
        let arn = self.caller.arn();
        let gone = matches!(evidence.outsiders.get(arn), Some(crate::kinds::Outsider::Gone));
        gone || desired.role_by_arn(arn).is_some() && !world.roles.values().any(|role| role.spec.arn == arn)
    }
}

/// Returns the name of a principal in the stack, or else the end of its ARN.
fn shown(desired: &Desired, arn: &str) -> String {
    if let Some(name) = desired.role_by_arn(arn) {
        return name.to_string();
    }
    let own = format!(":{}:", desired.place.account);
    match arn.split_once(&own) {
        Some((_, resource)) => resource.to_owned(),
        None => arn.to_owned(),
    }
}

fn state(state: &key::State) -> String {
    match state {
        key::State::Enabled => "enabled".to_owned(),
        key::State::Disabled => "disabled".to_owned(),
        key::State::PendingDeletion(Some(date)) => format!("pending deletion on {date}"),
        key::State::PendingDeletion(None) => "pending deletion".to_owned(),
        key::State::Other(state) => state.clone(),
    }
}

#[cfg(test)]
mod tests;
