//! Access cases: data that states a request and everything that decides it.
//!
//! A case holds everything that a decision needs, so anyone can compare the evaluator with what AWS documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::caller::{Caller, CallerKind, Level, NamedPolicy, Readable};
use super::context::Context;
use super::decide::{Decision, decide};
use super::document::{PolicyDocument, PolicyError, PolicyKind};
use super::key::{Grant, KeyFacts, NewGrant, Request, or_default};
use super::names::Arn;

/// A request, with everything that decides whether it is allowed.
#[derive(Debug, Deserialize)]
pub struct Case {
    pub id: String,
    key: KeyData,
    principal: PrincipalData,
    request: RequestData,
}

#[derive(Debug, Deserialize)]
struct KeyData {
    arn: String,
    account: String,
    #[serde(default, deserialize_with = "or_default")]
    manager: String,
    policy: Value,
    #[serde(default, deserialize_with = "or_default")]
    grants: Vec<GrantData>,
    #[serde(default, deserialize_with = "or_default")]
    spec: String,
    #[serde(default, deserialize_with = "or_default")]
    usage: String,
    #[serde(default, deserialize_with = "or_default")]
    origin: String,
    #[serde(default, deserialize_with = "or_default")]
    multi_region: bool,
    #[serde(default, deserialize_with = "or_default")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    rcps: Option<Vec<LevelData>>,
    #[serde(default)]
    account_scps: Option<Vec<LevelData>>,
}

#[derive(Debug, Deserialize)]
struct GrantData {
    #[serde(rename = "KeyId", default)]
    key_id: Option<String>,
    #[serde(flatten)]
    grant: Grant,
}

#[derive(Debug, Deserialize)]
struct LevelData {
    target: String,
    policies: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct PrincipalData {
    arn: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    unique_id: Option<String>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    tags: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    identity_policies: Vec<InlineData>,
    #[serde(default, deserialize_with = "or_default")]
    managed_policies: Vec<ManagedData>,
    #[serde(default)]
    boundary: Option<Value>,
    #[serde(default)]
    session_policies: Option<Vec<Value>>,
    #[serde(default)]
    scps: Option<Vec<LevelData>>,
    #[serde(default)]
    org: Option<OrgData>,
}

#[derive(Debug, Deserialize)]
struct InlineData {
    name: String,
    document: Value,
}

#[derive(Debug, Deserialize)]
struct ManagedData {
    arn: String,
    document: Value,
}

#[derive(Debug, Deserialize)]
struct OrgData {
    #[serde(default)]
    management_account: Option<ManagementAccount>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an account id, true or false")]
enum ManagementAccount {
    /// `true` if the principal's account is the management account of its organization.
    IsOfPrincipal(bool),
    Id(String),
}

#[derive(Debug, Deserialize)]
struct RequestData {
    action: String,
    #[serde(default, deserialize_with = "or_default")]
    encryption_context: BTreeMap<String, String>,
    #[serde(default)]
    via_service: Option<String>,
    #[serde(default)]
    source_account: Option<String>,
    #[serde(default)]
    source_arn: Option<String>,
    #[serde(default)]
    grant_id: Option<String>,
    #[serde(default)]
    create_grant: Option<NewGrant>,
    #[serde(default, deserialize_with = "or_default")]
    context: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    effective_context: Option<BTreeMap<String, OneOrMany>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

/// The answer to a case.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub id: String,
    pub decision: &'static str,
    pub code: &'static str,
    pub statements: Vec<String>,
    /// For a malformed case, the field that is wrong and the shape that was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Answer {
    pub(super) fn unknown(id: String, problem: String) -> Self {
        let problem = Some(problem);
        Self { id, decision: "unknown", code: "malformed", statements: Vec::new(), problem }
    }

    /// Makes the answer to a line that is neither a case nor a pair.
    pub(super) fn malformed(id: String, line: &Value) -> Self {
        let fault = fault::<KeyData>(line, "key")
            .or_else(|| fault::<PrincipalData>(line, "principal"))
            .or_else(|| fault::<RequestData>(line, "request"));
        Self::unknown(id, fault.unwrap_or_else(|| "the line could not be parsed".to_owned()))
    }
}

/// Names the first field in a part of a case that is missing or has the wrong shape, and the shape expected.
fn fault<T: serde::de::DeserializeOwned>(line: &Value, part: &str) -> Option<String> {
    let Some(value) = line.get(part) else { return Some(format!("missing field `{part}`")) };
    let error = serde_json::from_value::<T>(value.clone()).err()?.to_string();
    // Removing the field that is at fault changes the error, or makes it go away.
    let culprit = value.as_object().and_then(|fields| {
        fields.keys().find(|name| {
            let mut rest = fields.clone();
            rest.remove(*name);
            serde_json::from_value::<T>(Value::Object(rest))
                .err()
                .is_none_or(|other| other.to_string() != error)
        })
    });
    Some(match culprit {
        Some(name) => format!("`{part}.{name}`: {error}"),
        None => format!("`{part}`: {error}"),
    })
}

impl Case {
    /// Decides the case; the answer is `unknown` if the case is malformed or outside the rules implemented here.
    pub fn answer(&self) -> Answer {
        match self.decide() {
            Ok(decision) => Answer {
                id: self.id.clone(),
                decision: decision.outcome.as_str(),
                code: decision.reason.code(),
                statements: decision.statements.into_iter().collect(),
                problem: None,
            },
            Err(error) => Answer::unknown(self.id.clone(), self.refusal(&error)),
        }
    }

    /// Names the part of the case because of which it cannot be decided, and the reason.
    fn refusal(&self, error: &PolicyError) -> String {
        let part = if self.key.facts().is_err() { "key" } else { "principal" };
        format!("`{part}`: {error}")
    }

    /// Decides the case.
    ///
    /// # Errors
    /// Fails on a policy that AWS would refuse, and on a type of principal for which no rules are implemented.
    pub fn decide(&self) -> Result<Decision, PolicyError> {
        let key = self.key.facts()?;
        let caller = self.principal.caller()?;
        let request = self.request.request(&caller, &key);
        Ok(decide(&caller, &request, &key))
    }
}

#[cfg(test)]
impl Case {
    /// Returns the context derived from caller and key, and the context that the case gives.
    pub(super) fn contexts(&self) -> Result<(Context, Context), PolicyError> {
        let (key, caller) = (self.key.facts()?, self.principal.caller()?);
        Ok((self.request.derived(&caller, &key).context, self.request.request(&caller, &key).context))
    }
}

impl KeyData {
    fn facts(&self) -> Result<KeyFacts, PolicyError> {
        let partition = Arn::split(&self.arn).map_or("aws", |arn| arn.partition);
        let resource = PolicyKind::Resource { partition };
        let policy = PolicyDocument::from_value(&self.policy, PolicyKind::Key { partition })?;
        Ok(KeyFacts {
            account: self.account.clone(),
            aws_managed: self.manager == "AWS",
            grants: Readable::Known(self.grants().cloned().collect()),
            rcps: Readable::Known(levels(self.rcps.as_deref().unwrap_or_default(), resource)?),
            account_scps: levels(self.account_scps.as_deref().unwrap_or_default(), PolicyKind::Scp)?,
            spec: self.spec.clone(),
            usage: self.usage.clone(),
            origin: self.origin.clone(),
            multi_region: self.multi_region,
            aliases: self.aliases.clone(),
            tags: self.tags.clone(),
            ..KeyFacts::new(&self.arn, policy)
        })
    }
}

impl KeyData {
    /// Returns the grants on this key; a list of a grantee's grants may also hold grants on other keys.
    fn grants(&self) -> impl Iterator<Item = &Grant> {
        let is_this = |id: &String| *id == self.arn || self.arn.rsplit('/').next() == Some(id);
        let on_this = move |data: &&GrantData| data.key_id.as_ref().is_none_or(is_this);
        self.grants.iter().filter(on_this).map(|data| &data.grant)
    }
}

fn levels(levels: &[LevelData], kind: PolicyKind<'_>) -> Result<Vec<Level>, PolicyError> {
    levels
        .iter()
        .map(|LevelData { target, policies }| {
            let policies = policies.iter().map(|value| PolicyDocument::from_value(value, kind));
            Ok(Level { target: target.clone(), policies: policies.collect::<Result<_, _>>()? })
        })
        .collect()
}

impl PrincipalData {
    fn caller(&self) -> Result<Caller, PolicyError> {
        let identity = |value| PolicyDocument::from_value(value, PolicyKind::Identity);
        let inline = self.identity_policies.iter().map(|policy| (policy.name.as_str(), &policy.document));
        let managed = self.managed_policies.iter().map(|ManagedData { arn, document }| {
            (arn.rsplit_once('/').map_or(arn.as_str(), |(_, name)| name), document)
        });
        let named = |(name, document): (&str, _)| {
            Ok(NamedPolicy { name: name.to_owned(), document: identity(document)? })
        };
        let scps = self.scps.as_deref().map(|scps| levels(scps, PolicyKind::Scp)).transpose()?;
        let session = self.session_policies.iter().flatten().map(identity);
        Ok(Caller {
            unique_id: self.unique_id.clone(),
            tags: self.tags.clone(),
            identity: Readable::Known(inline.chain(managed).map(named).collect::<Result<_, PolicyError>>()?),
            boundary: Readable::Known(self.boundary.as_ref().map(identity).transpose()?),
            session: Readable::Known(session.collect::<Result<_, _>>()?),
            scps: Readable::Known(scps),
            management_account: self.management_account(),
            ..Caller::new(self.kind()?, self.account.clone().unwrap_or_default())
        })
    }

    fn management_account(&self) -> Option<String> {
        match self.org.as_ref()?.management_account.as_ref()? {
            ManagementAccount::Id(id) => Some(id.clone()),
            ManagementAccount::IsOfPrincipal(true) => {
                self.account.clone().or_else(|| Arn::split(&self.arn).map(|arn| arn.account.to_owned()))
            }
            ManagementAccount::IsOfPrincipal(false) => None,
        }
    }

    fn kind(&self) -> Result<CallerKind, PolicyError> {
        let arn = self.arn.clone();
        match self.kind.as_str() {
            "role" => Ok(CallerKind::Role { arn }),
            "assumed-role" => {
                let role_arn = self.role_arn.clone().unwrap_or_else(|| role_of_session(&arn));
                Ok(CallerKind::Session { arn, role_arn })
            }
            "user" => Ok(CallerKind::User { arn }),
            "root" => Ok(CallerKind::Root { arn }),
            "service" => Ok(CallerKind::Service { name: arn }),
            other => Err(super::parse::shape("the principal", format!("`{other}` is not a type known here"))),
        }
    }
}

/// Returns the ARN of a session's role, without the path, because a session's ARN does not contain it.
fn role_of_session(session: &str) -> String {
    match Arn::split(session).zip(session.split('/').nth(1)) {
        Some((arn, role)) => format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account),
        None => session.to_owned(),
    }
}

impl RequestData {
    fn derived(&self, caller: &Caller, key: &KeyFacts) -> Request {
        let mut request =
            Request::new(&self.action, caller, key).encryption_context(self.encryption_context.clone());
        if let Some(service) = &self.via_service {
            request = request.via_service(service);
        }
        for (key, value) in [("aws:SourceAccount", &self.source_account), ("aws:SourceArn", &self.source_arn)]
        {
            request.context.add(key, value);
        }
        add_all(&mut request.context, &self.context);
        request
    }

    fn request(&self, caller: &Caller, key: &KeyFacts) -> Request {
        let mut request = self.derived(caller, key);
        if let Some(effective) = &self.effective_context {
            request.context = Context::default();
            add_all(&mut request.context, effective);
        }
        Request {
            grant_id: self.grant_id.clone(),
            create_grant: self.create_grant.clone().unwrap_or_default(),
            ..request
        }
    }
}

fn add_all(context: &mut Context, keys: &BTreeMap<String, OneOrMany>) {
    for (key, values) in keys {
        match values {
            OneOrMany::Many(values) => context.add(key, values.iter().map(text)),
            OneOrMany::One(Value::Null) => {}
            OneOrMany::One(value) => context.add(key, [text(value)]),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
