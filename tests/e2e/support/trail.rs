//! A mock of CloudTrail's `LookupEvents`: the emulator records neither callers nor resources as CloudTrail does.
//!
//! It is fed from the calls that passed through the proxy and succeeded, and from nothing else.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use lockstep::aws::Clients;
use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::operation::{Operation, form};

/// The way in which the mock answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Allowed,
    Denied,
}

pub struct Trail {
    sdk: Clients,
    access: Mutex<Access>,
    events: Mutex<Vec<Value>>,
    lookups: Mutex<usize>,
}

impl Trail {
    pub fn new(sdk: Clients) -> Self {
        let access = Mutex::new(Access::Allowed);
        Self { sdk, access, events: Mutex::default(), lookups: Mutex::default() }
    }

    /// Sets the way in which it answers from now on.
    pub fn set(&self, access: Access) {
        *self.access.lock().unwrap() = access;
    }

    /// Returns how often it was asked.
    pub fn lookups(&self) -> usize {
        *self.lookups.lock().unwrap()
    }

    /// Records a change.
    #[expect(clippy::disallowed_methods, reason = "events have dates")]
    pub async fn record(&self, request: &Request, operation: &Operation) {
        let key =
            request.header("authorization").and_then(|it| it.split_once("Credential=")?.1.split('/').next());
        let asked =
            self.sdk.iam.get_access_key_last_used().access_key_id(key.unwrap_or_default()).send().await;
        let user = asked.ok().and_then(|told| told.user_name).unwrap_or_default();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (service, name) = operation.name.split_once(':').unwrap();
        let arn = format!("arn:aws:iam::000000000000:user/{user}");
        let resources: Vec<Value> =
            resources(request, operation).into_iter().map(|name| json!({ "ResourceName": name })).collect();
        let mut events = self.events.lock().unwrap();
        let id = events.len().to_string();
        events.push(json!({
            "EventId": id, "EventName": name, "EventTime": at, "ReadOnly": "false", "Username": user,
            "region": if service == "iam" { "us-east-1".to_owned() } else { region(request) },
            "EventSource": format!("{service}.amazonaws.com"), "Resources": resources,
            "CloudTrailEvent": json!({ "userIdentity": { "type": "IAMUser", "arn": arn } }).to_string(),
        }));
    }

    /// Answers a lookup.
    pub fn answer(&self, request: &Request) -> Answer {
        *self.lookups.lock().unwrap() += 1;
        if *self.access.lock().unwrap() == Access::Denied {
            let message = "User is not authorized to perform: cloudtrail:LookupEvents";
            return Answer::refusal(400, "AccessDeniedException", message);
        }
        let asked = request.json();
        let attribute = &asked["LookupAttributes"][0];
        assert_eq!(attribute["AttributeKey"], "ResourceName");
        let since = asked["StartTime"].as_f64().unwrap();
        let is_asked_for = |event: &&Value| {
            let resources = event["Resources"].as_array().unwrap();
            event["EventTime"].as_f64().unwrap() >= since
                && resources.iter().any(|resource| resource["ResourceName"] == attribute["AttributeValue"])
        };
        // A caller who asks in another region than the one of the events gets none.
        let region = region(request);
        let events = self.events.lock().unwrap();
        let here = events.iter().rev().filter(|event| event["region"] == region.as_str());
        let found: Vec<&Value> = here.filter(is_asked_for).collect();
        Answer::json(200, &json!({ "Events": found }))
    }
}

/// The region that a call is signed for.
fn region(request: &Request) -> String {
    let header = request.header("authorization").unwrap_or_default();
    header.split('/').nth(2).unwrap_or_default().to_owned()
}

/// Returns the names of the resources that a call gives.
fn resources(request: &Request, operation: &Operation) -> Vec<String> {
    let body = request.json();
    let told = ["KeyId", "logGroupName"].iter().filter_map(|field| body[*field].as_str()).map(str::to_owned);
    let formed = form(request, "RoleName");
    told.chain(formed).chain(operation.args.first().cloned()).collect()
}
