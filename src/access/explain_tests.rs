use super::{
    Caller, Constraints, Grant, KeyFacts, NamedPolicy, Operator, Outcome, PolicyDocument, Readable, Reason,
    Request, Statement, actions_of, decide,
};

const OLD: &str = "arn:aws:iam::111122223333:role/encrypt-test";
const NEW: &str = "arn:aws:iam::111122223333:role/encrypt-prod";

fn statement(sid: &str, principal: &str) -> Statement {
    Statement::allow(sid).principal_aws([principal]).actions(["kms:Decrypt", "kms:Encrypt"]).resource("*")
}

fn key(statements: impl IntoIterator<Item = Statement>) -> KeyFacts {
    KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", PolicyDocument::new(statements))
}

fn misses(caller: &Caller, key: &KeyFacts, action: &str) -> Vec<String> {
    let decision = decide(caller, &Request::new(action, caller, key), key);
    assert_eq!(decision.outcome, Outcome::ImplicitDeny);
    decision.near_misses.iter().map(|miss| format!("{}: {}", miss.statement, miss.because)).collect()
}

#[test]
fn a_deny_names_what_missed_by_one_thing() {
    let caller = Caller::role(NEW, []);
    let viaduct = Operator::STRING_EQUALS;
    let key = key([
        statement("UseByOld", OLD),
        statement("OnlyLambda", NEW).condition(viaduct, "kms:ViaService", ["lambda.eu-west-1.amazonaws.com"]),
        Statement::allow("Look").principal_aws([NEW]).actions(["kms:DescribeKey"]).resource("*"),
        Statement::allow("FarOff").principal_aws([OLD]).actions(["kms:DescribeKey"]).resource("*"),
    ]);
    assert_eq!(
        misses(&caller, &key, "kms:Decrypt"),
        [
            "key_policy:OnlyLambda: the request has no `kms:ViaService`; `StringEquals` wants \
             `lambda.eu-west-1.amazonaws.com`",
            "key_policy:Look: it is about `kms:DescribeKey`",
            "key_policy:UseByOld: it names `arn:aws:iam::111122223333:role/encrypt-test`",
        ]
    );
}

#[test]
fn grants_and_identity_policies_miss_too() {
    let document = PolicyDocument::new([
        Statement::allow("Logs").actions(["logs:*"]).resource("*"),
        Statement::allow("OtherKey")
            .actions(["kms:*"])
            .resource("arn:aws:kms:eu-west-1:111122223333:key/other"),
    ]);
    let caller = Caller::role(NEW, [NamedPolicy { name: "use".to_owned(), document }]);
    let mut key = key([statement("Delegate", "111122223333")]);
    key.grants = Readable::Known(vec![Grant {
        grant_id: "g".to_owned(),
        grantee_principal: Some(NEW.to_owned()),
        grantee_service_principal: None,
        retiring_principal: None,
        retiring_service_principal: None,
        issuing_account: None,
        operations: vec!["DescribeKey".to_owned()],
        constraints: Constraints::default(),
    }]);
    assert_eq!(
        misses(&caller, &key, "kms:Decrypt"),
        [
            "grant:g: it allows `DescribeKey`",
            "identity:use/OtherKey: it is about `arn:aws:kms:eu-west-1:111122223333:key/other`",
        ]
    );
}

#[test]
fn a_swap_shows_as_actions_gained_and_lost() {
    let (before, after) = (key([statement("Use", OLD)]), key([statement("Use", NEW)]));
    let new = Caller::role(NEW, []);
    assert_eq!(actions_of(&new, &before).into_iter().collect::<Vec<_>>(), [""; 0]);
    assert_eq!(actions_of(&new, &after).into_iter().collect::<Vec<_>>(), ["Decrypt", "Encrypt"]);
}

#[test]
fn what_is_not_known_is_said() {
    let ask =
        |caller: &Caller, key: &KeyFacts| decide(caller, &Request::new("kms:Decrypt", caller, key), key);

    let mut caller = Caller::role(NEW, []);
    caller.scps = Readable::unknown("access denied");
    let decision = ask(&caller, &key([statement("Use", NEW)]));
    assert_eq!((decision.outcome, decision.reason), (Outcome::Unknown, Reason::KeyPolicyDirect));
    assert!(decision.unknowns.contains("scp: access denied"));
    assert_eq!(ask(&caller, &key([statement("Use", OLD)])).outcome, Outcome::ImplicitDeny);
    let refused =
        key([statement("Use", NEW), Statement::deny("No").principal_aws([NEW]).actions(["*"]).resource("*")]);
    assert_eq!(ask(&caller, &refused).outcome, Outcome::ExplicitDeny);

    // A grant can only add access, so an allow is certain without knowing the grants, and a deny is not.
    let caller = Caller::role(NEW, []);
    let mut open = key([statement("Use", NEW)]);
    open.grants = Readable::unknown("access denied");
    assert_eq!(ask(&caller, &open).outcome, Outcome::Allow);
    let mut closed = key([statement("Use", OLD)]);
    closed.grants = Readable::unknown("access denied");
    assert_eq!(ask(&caller, &closed).outcome, Outcome::Unknown);

    let mut hidden = key([]);
    hidden.policy = Readable::unknown("access denied");
    assert_eq!(ask(&caller, &hidden).outcome, Outcome::Unknown);

    let guarded = key([
        statement("Use", NEW),
        Statement::deny("OnlyHome").principal_aws(["*"]).actions(["kms:*"]).resource("*").condition(
            Operator { negated: true, ..Operator::STRING_EQUALS },
            "aws:SourceVpce",
            ["vpce-1"],
        ),
    ]);
    assert_eq!(ask(&caller, &guarded).outcome, Outcome::ExplicitDeny);
    let mut request = Request::new("kms:Decrypt", &caller, &guarded);
    request.context.set_unknown("aws:SourceVpce");
    assert_eq!(decide(&caller, &request, &guarded).outcome, Outcome::Unknown);
}
