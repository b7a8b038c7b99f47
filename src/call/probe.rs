//! Probes: requests that show whether a function works, repeated until they succeed several times in a row.

use std::fmt;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Answer, CallError, Caller, LIFETIME, Route, Token, TokenPlan, fill, token_plan};
use crate::aws::AwsError;
use crate::stack::desired::{FunctionWant, Probe, ProbeStep, ProbeTarget};

/// The number of characters of an answer that a failure repeats.
const EXCERPT: usize = 300;

/// The outcome of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeOutcome {
    /// `true` if the probe succeeded as many times in a row as required.
    pub succeeded: bool,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of successes in a row at the end.
    pub successes: u32,
    /// The most recent failure, if there was one.
    pub failure: Option<ProbeFailure>,
}

/// The failure of an attempt. It holds neither tokens nor the content of a successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFailure {
    /// The request: `POST /encrypt`, or `invoke NAME`.
    pub request: String,
    /// The reason for the failure.
    pub reason: String,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The start of an answer that is an error.
    pub excerpt: Option<String>,
    /// The request id, with which the request can be found in the function's log or by AWS Support.
    pub request_id: Option<String>,
    /// A hint about what to do next.
    pub hint: Option<String>,
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.request, self.reason)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, ": {excerpt}")?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

/// The time between attempts: fixed after a success, and growing after failures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) after_success: Duration,
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Pace {
    const USUAL: Self = Self {
        after_success: Duration::from_millis(250),
        first: Duration::from_millis(500),
        longest: Duration::from_secs(5),
    };
}

/// Runs a probe of a function until it has succeeded often enough in a row, or its time is over.
///
/// # Errors
///
/// Fails if the probe cannot be tried at all: there is no URL, or the authorizer accepts other tokens. Anything
/// else that goes wrong counts as a failed attempt and is part of the outcome.
pub async fn run(
    probe: &Probe,
    function: &FunctionWant,
    caller: &Caller<'_>,
) -> Result<ProbeOutcome, CallError> {
    run_at(Pace::USUAL, probe, function, caller).await
}

pub(super) async fn run_at(
    pace: Pace,
    probe: &Probe,
    function: &FunctionWant,
    caller: &Caller<'_>,
) -> Result<ProbeOutcome, CallError> {
    let mut probing = Probing::new(probe, function, caller)?;
    let deadline = Instant::now() + Duration::from_secs(probe.timeout.into());
    let mut outcome = ProbeOutcome { succeeded: false, attempts: 0, successes: 0, failure: None };
    let mut delay = pace.first;
    loop {
        outcome.attempts += 1;
        let pause = match timeout_at(deadline, probing.attempt()).await {
            Ok(Ok(())) => {
                outcome.successes += 1;
                if outcome.successes >= probe.successes {
                    return Ok(ProbeOutcome { succeeded: true, ..outcome });
                }
                delay = pace.first;
                pace.after_success
            }
            Ok(Err(failure)) => {
                outcome.successes = 0;
                outcome.failure = Some(*failure);
                let pause = delay;
                delay = (delay * 3 / 2).min(pace.longest);
                pause
            }
            Err(_) => {
                outcome.successes = 0;
                // An earlier failure is more informative than the timeout.
                outcome.failure.get_or_insert_with(|| ProbeFailure {
                    hint: Some("give the probe a longer `timeout`".to_owned()),
                    ..ProbeFailure::new(probing.name(), format!("gave no answer within {} s", probe.timeout))
                });
                return Ok(outcome);
            }
        };
        if Instant::now() + pause >= deadline {
            return Ok(outcome);
        }
        sleep(pause).await;
    }
}

/// A probe that is ready to run.
struct Probing<'a> {
    caller: &'a Caller<'a>,
    work: Work<'a>,
}

enum Work<'a> {
    Invoke { function_name: &'a str, event: &'a Value },
    Requests(Vec<Step<'a>>),
}

/// One request of a probe.
struct Step<'a> {
    route: Route,
    body: &'a Value,
    expect: u16,
    expect_body: Option<&'a Value>,
    plan: Option<TokenPlan>,
    /// The token of earlier attempts, and the time at which it was minted.
    token: Option<(Token, u64)>,
}

impl<'a> Probing<'a> {
    fn new(probe: &'a Probe, function: &'a FunctionWant, caller: &'a Caller<'a>) -> Result<Self, CallError> {
        let step = |route: Route, body: &'a Value, expect: u16, expect_body: Option<&'a Value>| {
            caller.url(&route)?;
            let mut plan = token_plan(caller.desired, &route)?;
            if let Some(plan) = &mut plan {
                plan.scopes.extend(probe.scopes.iter().cloned());
            }
            Ok::<_, CallError>(Step { route, body, expect, expect_body, plan, token: None })
        };
        let work = match &probe.target {
            ProbeTarget::Invoke if !probe.then.is_empty() => return Err(CallError::NoApiForSteps),
            ProbeTarget::Invoke => {
                Work::Invoke { function_name: &function.spec.function_name, event: &probe.body }
            }
            ProbeTarget::Route { api, method, path } => {
                let route = |method: &str, path: &str| Route {
                    api: api.clone(),
                    method: method.to_owned(),
                    path: path.to_owned(),
                };
                let mut steps = vec![step(route(method, path), &probe.body, probe.expect, None)?];
                for ProbeStep { method, path, body, expect, expect_body } in &probe.then {
                    steps.push(step(route(method, path), body, *expect, expect_body.as_ref())?);
                }
                Work::Requests(steps)
            }
        };
        Ok(Self { caller, work })
    }

    fn name(&self) -> String {
        match &self.work {
            Work::Invoke { function_name, .. } => format!("invoke {function_name}"),
            Work::Requests(steps) => steps.first().map(|step| step.route.to_string()).unwrap_or_default(),
        }
    }

    async fn attempt(&mut self) -> Result<(), Box<ProbeFailure>> {
        let caller = self.caller;
        match &mut self.work {
            Work::Invoke { function_name, event } => invoke(caller, function_name, event).await,
            Work::Requests(steps) => {
                let mut answer = Value::Null;
                for step in steps {
                    answer = step.attempt(caller, &answer).await?;
                }
                Ok(())
            }
        }
    }
}

async fn invoke(caller: &Caller<'_>, function_name: &str, event: &Value) -> Result<(), Box<ProbeFailure>> {
    let request = || format!("invoke {function_name}");
    let answer = caller
        .lambda
        .invoke()
        .function_name(function_name)
        .payload(Blob::new(event.to_string()))
        .send()
        .await
        .map_err(|error| ProbeFailure::of(request(), &AwsError::from_sdk("lambda:Invoke", error).into()))?;
    let Some(error) = answer.function_error() else { return Ok(()) };
    let payload = answer.payload.as_ref().map(Blob::as_ref).unwrap_or_default();
    Err(Box::new(ProbeFailure {
        excerpt: Some(excerpt(&String::from_utf8_lossy(payload), None)),
        ..ProbeFailure::new(request(), format!("ended with the function error {error}"))
    }))
}

impl Step<'_> {
    /// Sends the request and returns the answer as JSON, or null.
    async fn attempt(&mut self, caller: &Caller<'_>, before: &Value) -> Result<Value, Box<ProbeFailure>> {
        let name = self.route.to_string();
        let failed = |error: CallError| ProbeFailure::of(name.clone(), &error);
        let body = fill::body(self.body, before).map_err(failed)?;
        let path = fill::path(&self.route.path, before).map_err(failed)?;
        let token = self.token(caller).await.map_err(failed)?;
        let headers: Vec<(String, String)> = token.iter().map(Token::header).collect();
        let answer =
            caller.send(&Route { path, ..self.route.clone() }, &headers, &body).await.map_err(failed)?;
        self.check(&answer, token.as_ref())
    }

    async fn token(&mut self, caller: &Caller<'_>) -> Result<Option<Token>, CallError> {
        let Some(plan) = &self.plan else { return Ok(None) };
        let now = (caller.now)();
        if let Some((token, minted)) = &self.token
            && now < minted.saturating_add(LIFETIME / 2)
        {
            return Ok(Some(token.clone()));
        }
        let token = caller.mint(plan.clone(), &Default::default()).await?;
        self.token = Some((token.clone(), now));
        Ok(Some(token))
    }

    fn check(&self, answer: &Answer, token: Option<&Token>) -> Result<Value, Box<ProbeFailure>> {
        let json = answer.json().unwrap_or(Value::Null);
        let wrong = |reason: String, hint: Option<&str>| {
            Box::new(ProbeFailure {
                status: Some(answer.status),
                // The content of a successful answer is what the API protects.
                excerpt: (answer.status >= 400).then(|| excerpt(&answer.text(), token)),
                request_id: answer.header("x-amzn-requestid").map(str::to_owned),
                hint: hint.map(str::to_owned),
                ..ProbeFailure::new(self.route.to_string(), reason)
            })
        };
        if answer.status != self.expect {
            let reason = format!("answered {} instead of {}", answer.status, self.expect);
            return Err(wrong(reason, hint(answer)));
        }
        match self.expect_body {
            Some(expected) if !fill::covers(&json, expected) => {
                Err(wrong(format!("answered {} with another body than expected", answer.status), None))
            }
            _ => Ok(json),
        }
    }
}

impl ProbeFailure {
    fn new(request: String, reason: String) -> Self {
        Self { request, reason, status: None, excerpt: None, request_id: None, hint: None }
    }

    fn of(request: String, error: &CallError) -> Box<Self> {
        let mut reason = format!("could not be tried: {error}");
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            reason = format!("{reason}: {error}");
            source = error.source();
        }
        Box::new(Self { hint: error.hint(), ..Self::new(request, reason) })
    }
}

/// Returns the meaning of an answer that API Gateway itself gave, based on its `x-amzn-ErrorType`.
fn hint(answer: &Answer) -> Option<&'static str> {
    let kind = answer.header("x-amzn-errortype").unwrap_or_default();
    match (answer.status, kind.split(':').next().unwrap_or_default()) {
        (401, "UnauthorizedException") => {
            Some("the authorizer refused the token: its log says why under the request id")
        }
        (403, "AccessDeniedException") => Some("the authorizer lets the token into other routes only"),
        (403, "MissingAuthenticationTokenException") => {
            Some("the stage does not serve this route: is it part of the newest deployment?")
        }
        (500, "AuthorizerConfigurationException") => {
            Some("the authorizer function failed or may not be invoked: its log says why")
        }
        (500 | 502, "InternalServerErrorException") => {
            Some("the function failed, gave no answer of the proxy form, or may not be invoked by the API")
        }
        _ => None,
    }
}

/// Shortens an answer to one line and removes the token from it.
fn excerpt(text: &str, token: Option<&Token>) -> String {
    let text = match token {
        Some(token) => text.replace(token.value(), "…"),
        None => text.to_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
