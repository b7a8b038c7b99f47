//! Reads, writes, decides and compares policies; a zero byte separates two of them.

use lockstep::access::{
    Caller, Change, Effect, KeyFacts, NamedPolicy, Outcome, PolicyDocument, PolicyKind, Request, Statement,
    Verdict, compare, decide, delta,
};

const ROLE: &str = "arn:aws:iam::111122223333:role/f";
const KINDS: [PolicyKind<'_>; 5] = [
    PolicyKind::Key { partition: "aws" },
    PolicyKind::Trust { partition: "aws" },
    PolicyKind::Resource { partition: "aws" },
    PolicyKind::Identity,
    PolicyKind::Scp,
];

/// Checks one or two policies, each as every kind of policy.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (before, after) = text.split_once('\0').unwrap_or((text, ""));
    for kind in KINDS {
        let Ok(before) = PolicyDocument::parse(before, kind) else { continue };
        let again = PolicyDocument::parse(&before.to_json(), kind).expect("what was written is read");
        assert_eq!(again, before);
        assert_eq!(again.to_json(), before.to_json());
        assert_eq!(compare(&before, &again, kind), (Verdict::Same, Change::None));
        check_decisions(&before, kind);
        if let Ok(after) = PolicyDocument::parse(after, kind) {
            check_comparison(&before, &after, kind);
        }
    }
}

fn outcome(policy: &PolicyDocument, kind: PolicyKind<'_>) -> Outcome {
    let delegate = Statement::allow("d").principal_aws(["111122223333"]).actions(["kms:*"]).resource("*");
    let (key, identity) = match kind {
        PolicyKind::Identity | PolicyKind::Scp => {
            let named = NamedPolicy { name: "p".to_owned(), document: policy.clone() };
            (PolicyDocument::new([delegate]), Some(named))
        }
        _ => (policy.clone(), None),
    };
    let caller = Caller::role(ROLE, identity);
    let key = KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", key);
    let request = Request::new("kms:Decrypt", &caller, &key)
        .encryption_context([("a".to_owned(), "x".to_owned())])
        .via_service("lambda.eu-west-1.amazonaws.com");
    decide(&caller, &request, &key).outcome
}

fn check_decisions(policy: &PolicyDocument, kind: PolicyKind<'_>) {
    let was = outcome(policy, kind);
    assert_ne!(was, Outcome::Unknown);
    let mut deny = Statement::deny("no").actions(["*"]).resource("*");
    if !matches!(kind, PolicyKind::Identity | PolicyKind::Scp) {
        deny = deny.principal_aws(["*"]);
    }
    assert_eq!(deny.effect, Effect::Deny);
    let denied = PolicyDocument::new(policy.statements().iter().cloned().chain([deny]));
    assert_eq!(outcome(&denied, kind), Outcome::ExplicitDeny);
}

fn check_comparison(before: &PolicyDocument, after: &PolicyDocument, kind: PolicyKind<'_>) {
    let (verdict, change) = compare(before, after, kind);
    let back = match change {
        Change::Widens => Change::Narrows,
        Change::Narrows => Change::Widens,
        other => other,
    };
    assert_eq!(compare(after, before, kind), (verdict, back));
    let delta = delta(before, after, kind);
    if verdict == Verdict::Same {
        assert!(delta.gained.is_empty() && delta.lost.is_empty());
    }
    // A trust policy has other actions.
    if matches!(kind, PolicyKind::Trust { .. }) {
        return;
    }
    let was = outcome(before, kind) == Outcome::Allow;
    let is = outcome(after, kind) == Outcome::Allow;
    match change {
        Change::None => assert_eq!(was, is),
        Change::Widens => assert!(is || !was),
        Change::Narrows => assert!(was || !is),
        Change::Mixed => {}
    }
}
