//! The rules of AWS that the local one does not enforce: which principals a key policy may name and since when, how
//! long changes take, who may invoke a function, how often operations may be called.
//!
//! The layer is between all callers and the emulator: the command, the callers of the API, and the functions. It
//! decides the calls of functions to KMS with lockstep's own evaluator, on every policy that may be in effect
//! somewhere.

mod functions;
mod gateway;
mod grants;
mod keys;
mod monitor;
mod rates;
mod revisions;
mod roles;
mod states;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lockstep::aws::Clients;

use super::http::{Answer, Request};
use super::operation::Operation;

pub use monitor::Use;

/// The durations of changes. In AWS none of them is longer than a few minutes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// From the creation of a role until key policies may name it and Lambda can assume it.
    pub principals: Duration,
    /// From a change of a key policy until it is in effect everywhere.
    pub policies: Duration,
    /// From a change until every read shows it.
    pub reads: Duration,
    /// From an update of a function until it has ended.
    pub updates: Duration,
    /// The duration of one second of the intervals between management calls; zero means no intervals.
    pub rates: Duration,
    /// Not a rule, but the time that the command is told to wait for a changed key policy, in seconds.
    pub settle: u64,
}

/// The layer that enforces the rules.
pub struct Strict {
    pub rules: Rules,
    /// The emulator itself.
    sdk: Clients,
    uses: &'static [Use],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    roles: roles::Roles,
    keys: keys::Keys,
    functions: functions::Functions,
    grants: grants::Grants,
    gateway: gateway::Gateway,
    rates: rates::Rates,
    serving: monitor::Serving,
    /// Violations of the invariant that were seen.
    gaps: Vec<String>,
    /// The violations at the last check.
    wrong: BTreeSet<String>,
    /// Number of further reads of key policies that show unknown ids in place of ARNs.
    strange_reads: usize,
    /// The number of refusals by each rule.
    refused: std::collections::BTreeMap<String, usize>,
}

impl Strict {
    pub fn new(rules: Rules, sdk: Clients, uses: &'static [Use]) -> Self {
        Self { rules, sdk, uses, state: Mutex::default() }
    }

    /// Asserts that no function ever ran under a role that a key which the function uses does not allow.
    #[track_caller]
    pub fn has_no_gap(&self) {
        let gaps = self.gaps();
        assert!(gaps.is_empty(), "{gaps:#?}");
    }

    /// Ignores a violation that someone caused by hand: it counts again once it was repaired.
    pub async fn forgive(&self) {
        let by_hand = Operation { name: "what was done by hand".to_owned(), args: Vec::new() };
        self.watch((&by_hand, Instant::now())).await;
        self.state.lock().unwrap().gaps.clear();
    }

    /// Makes the next reads of key policies show unknown ids in place of the ARNs of roles.
    pub fn shows_strange_ids(&self, reads: usize) {
        self.state.lock().unwrap().strange_reads = reads;
    }

    /// Returns the violations of the invariant that were seen.
    pub fn gaps(&self) -> Vec<String> {
        self.state.lock().unwrap().gaps.clone()
    }

    /// Returns the number of refusals with a code.
    pub fn refused(&self, code: &str) -> usize {
        self.state.lock().unwrap().refused.get(code).copied().unwrap_or_default()
    }

    /// Decides whether AWS would refuse a call that the emulator may accept.
    pub async fn refusal(&self, request: &Request, operation: &Operation) -> Option<Answer> {
        let (code, answer) = self.decide(request, operation).await?;
        *self.state.lock().unwrap().refused.entry(code.to_owned()).or_default() += 1;
        Some(answer)
    }

    async fn decide(&self, request: &Request, operation: &Operation) -> Option<(&'static str, Answer)> {
        if let Some(seconds) = self.state.lock().unwrap().rates.take(self.rules.rates, &operation.name) {
            let answer = Answer::refusal(429, "TooManyRequestsException", "Too Many Requests");
            return Some(("TooManyRequestsException", answer.with("Retry-After", &seconds.to_string())));
        }
        match operation.name.split_once(':')?.0 {
            "kms" => match self.kms_refusal(request, operation).await {
                None => self.state_refusal(request, operation).await,
                refusal => refusal,
            },
            "iam" => self.iam_refusal(request, operation),
            "lambda" => match self.lambda_refusal(request, operation) {
                None => self.revision_refusal(request, operation).await,
                refusal => refusal,
            },
            "execute-api" => self.request_refusal(request),
            _ => None,
        }
    }

    /// Records the effect of a call, and changes the answer to that of AWS.
    pub async fn learn(&self, request: &Request, operation: &Operation, answer: &mut Answer) {
        if !answer.is_success() {
            return;
        }
        // The checks below take time that does not count as time of AWS.
        let done = Instant::now();
        let service = operation.name.split_once(':').map_or("", |(service, _)| service);
        match service {
            "kms" => {
                self.learn_kms(request, operation, answer);
                self.learn_state(request, operation, answer).await;
            }
            "iam" => self.learn_iam(request, operation, answer),
            "lambda" => self.learn_lambda((operation, done), answer),
            "apigateway" => self.learn_gateway(operation, answer).await,
            _ => {}
        }
        if operation.changes() {
            if service == "lambda" || service == "apigateway" {
                self.look_at_routes().await;
            }
            self.watch((operation, done)).await;
        }
    }
}
