//! Questions about a key, put to lockstep's evaluator and to Cedar.
//!
//! Cedar has another model: it has no accounts that delegate, and does not combine the policies of the caller with
//! those of the resource. Each question is written as the Cedar policy that decides it in the same way, so its figure
//! is a yardstick for speed and not a comparison of features.

use std::str::FromStr;

use cedar_policy as cedar;
use lockstep::access::{Caller, KeyFacts, NamedPolicy, Operator, PolicyDocument, Request, Statement, decide};

const ACCOUNT: &str = "111122223333";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/3f9a1c2e-7b44-4d0a-9a51-0c6d2f18e7aa";
const USE: [&str; 5] =
    ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"];
/// The actions that the patterns above match; Cedar names actions one by one.
const USED: [&str; 9] = [
    "Encrypt",
    "Decrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "DescribeKey",
];
const S3: &str = "s3.eu-west-1.amazonaws.com";

/// One question in both forms.
pub struct Question {
    pub name: &'static str,
    /// Whether the request is allowed.
    pub allowed: bool,
    caller: Caller,
    request: Request,
    key: KeyFacts,
    policies: cedar::PolicySet,
    entities: cedar::Entities,
    cedar_request: cedar::Request,
    authorizer: cedar::Authorizer,
}

impl Question {
    /// Decides with lockstep, with all reasons.
    pub fn lockstep(&self) -> bool {
        decide(&self.caller, &self.request, &self.key).is_allow()
    }

    /// Decides with Cedar, with all reasons.
    pub fn cedar(&self) -> bool {
        let response = self.authorizer.is_authorized(&self.cedar_request, &self.policies, &self.entities);
        response.decision() == cedar::Decision::Allow
    }

    /// Returns the size of the key policy in bytes.
    pub fn size(&self) -> usize {
        self.key.policy.known().map_or(0, PolicyDocument::size)
    }

    fn new(name: &'static str, allowed: bool, statements: Vec<Statement>, cedar_policies: &str) -> Self {
        let identity = NamedPolicy {
            name: "use".to_owned(),
            document: PolicyDocument::new([Statement::allow("Decrypt")
                .actions(["kms:Decrypt"])
                .resource(KEY)]),
        };
        let caller = Caller::role(role(0), [identity]);
        let key = KeyFacts::new(KEY, PolicyDocument::new(statements));
        let request = Request::new("kms:Decrypt", &caller, &key)
            .encryption_context([("app".to_owned(), "ledger".to_owned())]);
        let entities = format!(
            r#"[{{"uid": {{"type": "Role", "id": "{}"}}, "attrs": {{}},
                  "parents": [{{"type": "Account", "id": "{ACCOUNT}"}}]}}]"#,
            role(0)
        );
        let context = r#"{"app": "ledger", "callerAccount": "111122223333"}"#;
        let uid = |kind: &str, id: &str| {
            cedar::EntityUid::from_str(&format!("{kind}::\"{id}\"")).expect("the name is valid")
        };
        Self {
            name,
            allowed,
            caller,
            request,
            key,
            policies: cedar_policies.parse().expect("the policies are valid"),
            entities: cedar::Entities::from_json_str(&entities, None).expect("the entities are valid"),
            cedar_request: cedar::Request::new(
                uid("Role", &role(0)),
                uid("Action", "Decrypt"),
                uid("Key", KEY),
                cedar::Context::from_json_str(context, None).expect("the context is valid"),
                None,
            )
            .expect("the request is valid"),
            authorizer: cedar::Authorizer::new(),
        }
    }
}

/// Returns the questions: named directly, by the account, denied, and last with a policy of 32 KiB.
pub fn questions() -> Vec<Question> {
    let admin =
        || Statement::allow("Admins").principal_aws([role(9_999)]).actions(["kms:Put*"]).resource("*");
    let user = |at: usize| {
        let sid = format!("UseBy{at}");
        Statement::allow(sid).principal_aws([role(at)]).actions(USE).resource("*")
    };
    let delegation = Statement::allow("Iam").principal_aws([ACCOUNT]).actions(["kms:*"]).resource("*");
    let not_equals = Operator::parse("StringNotEquals").expect("the operator exists");
    let deny = Statement::deny("OnlyByS3").principal_aws(["*"]).actions(["kms:*"]).resource("*");
    let deny = deny.condition(not_equals, "kms:ViaService", [S3]);
    let mut long: Vec<Statement> = vec![admin()];
    while PolicyDocument::new(long.iter().cloned().chain([user(0)])).size() < 32_500 {
        long.push(user(long.len()));
    }
    long.push(user(0));
    let cedar_long: Vec<String> = (1..long.len() - 1).chain([0]).map(cedar_user).collect();
    let cedar_admin = format!(
        "permit(principal == Role::\"{}\", action == Action::\"PutKeyPolicy\", resource);",
        role(9_999)
    );
    let by_account = format!(
        "permit(principal in Account::\"{ACCOUNT}\", action, resource == Key::\"{KEY}\")
         when {{ action == Action::\"Decrypt\" && principal == Role::\"{}\" }};",
        role(0)
    );
    let forbid = format!(
        "forbid(principal, action, resource) unless {{ context has viaService && context.viaService == \"{S3}\" }};"
    );
    vec![
        Question::new("direct", true, vec![admin(), user(0)], &(cedar_admin.clone() + &cedar_user(0))),
        Question::new("delegation", true, vec![admin(), delegation], &(cedar_admin.clone() + &by_account)),
        Question::new(
            "deny",
            false,
            vec![admin(), user(0), deny],
            &(cedar_admin.clone() + &cedar_user(0) + &forbid),
        ),
        Question::new("32 KiB", true, long, &(cedar_admin + &cedar_long.concat())),
    ]
}

fn role(at: usize) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/encrypt-{at:04}")
}

fn cedar_user(at: usize) -> String {
    let actions: Vec<String> = USED.iter().map(|name| format!("Action::\"{name}\"")).collect();
    format!(
        "permit(principal == Role::\"{}\", action in [{}], resource == Key::\"{KEY}\");\n",
        role(at),
        actions.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_come_to_the_same_answer() {
        for question in questions() {
            assert_eq!((question.lockstep(), question.cedar()), (question.allowed, question.allowed));
            assert!(question.size() <= lockstep::access::MAX_KEY_POLICY_BYTES, "{}", question.name);
        }
    }
}
