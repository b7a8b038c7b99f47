//! Key policies: which principals they may name, when they take effect, and how they read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lockstep::access::{
    Caller, CallerKind, KeyFacts, NamedPolicy, PolicyDocument, PolicyKind, Readable, Request as Call, decide,
};
use serde_json::{Value, json};

use super::roles::Roles;
use super::{Answer, Operation, Request, State, Strict};

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The keys that were created through the layer, by id.
#[derive(Default)]
pub struct Keys {
    there: BTreeMap<String, Key>,
    /// Key ids by alias; forgotten with every change.
    aliases: BTreeMap<String, String>,
    /// Calls that came soon after a change, by operation and key; every other one of them is too early.
    early: BTreeMap<String, usize>,
}

struct Key {
    arn: String,
    born: Instant,
    /// The policies that were put, oldest first.
    puts: Vec<Put>,
}

struct Put {
    at: Instant,
    /// The policy, with the unique id of each role that it names.
    text: String,
    ids: BTreeMap<String, String>,
}

impl Put {
    fn new(text: &str, roles: &Roles) -> Self {
        let named = named(text).into_iter();
        let ids = named.filter_map(|arn| Some((arn.clone(), roles.id(&arn)?.to_owned()))).collect();
        Self { at: Instant::now(), text: text.to_owned(), ids }
    }

    /// Returns the policy as it reads now: with a unique id in place of every role that is gone.
    fn read(&self, roles: &Roles) -> String {
        let gone = self.ids.iter().filter(|(arn, id)| roles.id(arn) != Some(id));
        gone.fold(self.text.clone(), |text, (arn, id)| {
            text.replace(&format!("\"{arn}\""), &format!("\"{id}\""))
        })
    }
}

impl Key {
    /// Returns every policy that may be in effect somewhere.
    fn in_effect(&self, after: Duration) -> impl Iterator<Item = &Put> {
        let settled = self.puts.iter().rposition(|put| put.at.elapsed() >= after).unwrap_or(0);
        self.puts.iter().skip(settled)
    }
}

impl State {
    /// Returns whether a role may do something according to every policy of a key that may be in effect, or according
    /// to the one that was put last.
    pub(super) fn lets(&self, role: &str, action: &str, key: &str, settled: Option<Duration>) -> bool {
        let Some(key) = self.keys.there.get(key) else { return true };
        let mut caller = Caller::role(role, []);
        caller.unique_id = self.roles.id(role).map(str::to_owned);
        let allows = |put: &Put| {
            let text = put.read(&self.roles);
            let policy = PolicyDocument::parse(&text, PolicyKind::Key { partition: "aws" }).unwrap();
            let facts = KeyFacts::new(&key.arn, policy);
            decide(&caller, &Call::new(action, &caller, &facts), &facts).is_allow()
        };
        match settled {
            Some(after) => key.in_effect(after).all(allows),
            None => key.puts.last().is_none_or(allows),
        }
    }
}

/// Lists every role and user that a policy names.
fn named(policy: &str) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|one| collect(one, found)),
            _ => {}
        }
    }
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let mut found = Vec::new();
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        collect(&statement["Principal"]["AWS"], &mut found);
    }
    found
}

pub(super) fn refusal(code: &'static str, message: &str) -> Option<(&'static str, Answer)> {
    Some((code, Answer::refusal(400, code, message)))
}

/// Returns the text after the last slash of an ARN, or the id itself.
pub(super) fn id(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

impl Strict {
    pub(super) async fn kms_refusal(
        &self,
        request: &Request,
        operation: &Operation,
    ) -> Option<(&'static str, Answer)> {
        let body = request.json();
        if let Some(policy) = body["Policy"].as_str()
            && let Some(refusal) = self.policy_refusal(policy).await
        {
            return Some(refusal);
        }
        if let Some(refusal) = self.young_key_refusal(&body, operation) {
            return Some(refusal);
        }
        let access_key = request.header("authorization")?.split("Credential=").nth(1)?.split('/').next()?;
        if !access_key.starts_with("ASIA") {
            return None;
        }
        let key = self.key_of(body["KeyId"].as_str()?).await?;
        let role = self.role_behind(access_key).await;
        let state = &mut *self.state.lock().unwrap();
        let Some(role) = role else {
            state.gaps.push(format!("somebody whose role is not known called {}", operation.name));
            return None;
        };
        if state.lets(&role, &operation.name, &key, Some(self.rules.policies)) {
            return None;
        }
        refusal(
            "AccessDeniedException",
            &format!(
                "User: {role} is not authorized to perform: {} on this resource because no resource-based \
                 policy allows the {} action",
                operation.name, operation.name
            ),
        )
    }

    /// Refuses principals that KMS does not know, and policies that lock the caller out.
    async fn policy_refusal(&self, policy: &str) -> Option<(&'static str, Answer)> {
        const CODE: &str = "MalformedPolicyDocumentException";
        let mut user = String::new();
        for principal in named(policy) {
            let known = if principal.contains(":user/") {
                user.clone_from(&principal);
                self.sdk.iam.get_user().user_name(id(&principal)).send().await.is_ok()
            } else {
                let is_root = principal.ends_with(":root") || principal.len() == 12;
                let roles = &self.state.lock().unwrap().roles;
                is_root || roles.is_known(&principal, self.rules.principals)
            };
            if !known {
                return refusal(CODE, "Policy contains a statement with one or more invalid principals.");
            }
        }
        // The principal that creates a stack here is the local operator, whom an IAM policy allows everything.
        let me = self.sdk.sts.get_caller_identity().send().await.unwrap();
        let (arn, account) = (me.arn.unwrap(), me.account.unwrap());
        let identity = PolicyDocument::parse(EVERYTHING, PolicyKind::Identity).unwrap();
        let mut caller = Caller::new(CallerKind::User { arn }, account.clone());
        caller.identity = Readable::Known(vec![NamedPolicy { name: "all".to_owned(), document: identity }]);
        let document = PolicyDocument::parse(policy, PolicyKind::Key { partition: "aws" }).unwrap();
        let facts = KeyFacts::new(format!("arn:aws:kms:ap-northeast-1:{account}:key/new"), document);
        if decide(&caller, &Call::new("kms:PutKeyPolicy", &caller, &facts), &facts).is_allow() {
            return None;
        }
        refusal(CODE, "The new key policy will not allow you to update the key policy in the future.")
    }

    /// Refuses a call on a key that was just created, which is not visible everywhere yet.
    fn young_key_refusal(&self, body: &Value, operation: &Operation) -> Option<(&'static str, Answer)> {
        let key = id(body["KeyId"].as_str().or(body["TargetKeyId"].as_str())?);
        let keys = &mut self.state.lock().unwrap().keys;
        let young = keys.there.get(key).is_some_and(|key| key.born.elapsed() < self.rules.reads);
        let flaps = ["DescribeKey", "PutKeyPolicy", "CreateAlias", "EnableKeyRotation"]
            .map(|name| format!("kms:{name}"));
        if !young || !flaps.contains(&operation.name) {
            return None;
        }
        let early = keys.early.entry(format!("{} {key}", operation.name)).or_default();
        *early += 1;
        if early.is_multiple_of(2) {
            return None;
        }
        refusal("NotFoundException", &format!("Key '{key}' does not exist"))
    }

    /// Returns the id of the key that a call names, also by an alias.
    pub(super) async fn key_of(&self, name: &str) -> Option<String> {
        if !name.contains("alias/") {
            return Some(id(name).to_owned());
        }
        if let Some(key) = self.state.lock().unwrap().keys.aliases.get(name) {
            return Some(key.clone());
        }
        let described = self.sdk.kms.describe_key().key_id(name).send().await.ok()?;
        let key = described.key_metadata?.key_id;
        self.state.lock().unwrap().keys.aliases.insert(name.to_owned(), key.clone());
        Some(key)
    }

    /// Puts a policy as someone does who works by hand during a run.
    pub async fn put_by_hand(&self, key: &str, policy: &str) {
        let put = self.sdk.kms.put_key_policy().key_id(key).policy_name("default").policy(policy);
        put.send().await.unwrap();
        let State { keys, roles, .. } = &mut *self.state.lock().unwrap();
        keys.there.get_mut(id(key)).unwrap().puts.push(Put::new(policy, roles));
    }

    pub(super) fn learn_kms(&self, request: &Request, operation: &Operation, answer: &mut Answer) {
        let (body, state) = (request.json(), &mut *self.state.lock().unwrap());
        let State { keys, roles, strange_reads, .. } = state;
        match operation.name.as_str() {
            "kms:CreateKey" => {
                let made = answer.read_json();
                let (Some(id), Some(arn)) =
                    (made["KeyMetadata"]["KeyId"].as_str(), made["KeyMetadata"]["Arn"].as_str())
                else {
                    panic!("{made}")
                };
                let put = Put::new(body["Policy"].as_str().unwrap_or("{}"), roles);
                let key = Key { arn: arn.to_owned(), born: Instant::now(), puts: vec![put] };
                keys.there.insert(id.to_owned(), key);
            }
            "kms:PutKeyPolicy" => {
                let key = keys.there.get_mut(id(body["KeyId"].as_str().unwrap_or_default()));
                if let (Some(key), Some(policy)) = (key, body["Policy"].as_str()) {
                    key.puts.push(Put::new(policy, roles));
                }
            }
            "kms:GetKeyPolicy" => {
                let name = id(body["KeyId"].as_str().unwrap_or_default()).to_owned();
                let Some(key) = keys.there.get(&name) else { return };
                let mut shown = key.puts.iter().rev();
                let last = shown.next();
                let early = last.is_some_and(|put| put.at.elapsed() < self.rules.reads);
                let reads = keys.early.entry(format!("{} {name}", operation.name)).or_default();
                *reads += 1;
                // Every other read goes to a replica that does not have the last change yet.
                let put = if early && *reads % 2 == 1 { shown.next().or(last) } else { last };
                if let Some(put) = put {
                    let mut read = answer.read_json();
                    let policy = put.read(roles);
                    read["Policy"] = json!(policy);
                    if *strange_reads > 0 {
                        *strange_reads -= 1;
                        let roles = named(&policy).into_iter().filter(|arn| arn.contains(":role/"));
                        let strange = |text: String, arn: String| text.replace(&arn, "AROASTRANGE");
                        read["Policy"] = json!(roles.fold(policy, strange));
                    }
                    answer.write_json(&read);
                }
            }
            _ => {}
        }
        if operation.changes() {
            keys.aliases.clear();
        }
    }
}
