use proptest::prelude::*;

use super::compare::compare_owned;
use super::{
    Caller, CallerKind, Change, Clause, Context, Effect, KeyFacts, NamedPolicy, Operator, Outcome,
    PolicyDocument, PolicyKind, Readable, Request, Statement, Verdict, compare, decide, delta,
};

const ROLE: &str = "arn:aws:iam::111122223333:role/f";
const ABROAD: &str = "arn:aws:iam::444455556666:role/x";
const KIND: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };
const PRINCIPALS: &[&str] = &[
    "*",
    ROLE,
    ABROAD,
    "111122223333",
    "444455556666",
    "AROAF",
    "arn:aws:iam::111122223333:role/g",
    "arn:aws:iam::111122223333:user/u",
    "arn:aws:sts::111122223333:assumed-role/f/s",
    "arn:aws:sts::444455556666:assumed-role/x/s",
];
const ACTIONS: &[&str] = &["kms:*", "kms:Decrypt", "KMS:De*", "kms:Encrypt", "*", "s3:*", "kms:?ecrypt"];
const VALUES: &[&str] =
    &["x", "y", "x*", "*", "${aws:PrincipalTag/t}", "7", "arn:a:b:c:d:e", "true", "false"];
const OPERATORS: &[&str] = &[
    "",
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringLikeIfExists",
    "StringEqualsIfExists",
    "StringEqualsIgnoreCase",
    "ForAllValues:StringEquals",
    "ForAllValues:StringLike",
    "ForAnyValue:StringLike",
    "ForAnyValue:StringNotEquals",
    "ArnEquals",
    "ArnNotLike",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "Bool",
    "Null",
];

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(from)
}

/// Turns an element into its `Not` form if `is_not`, and otherwise leaves it as it is.
fn negated<T: Ord + Clone>(clause: &Clause<T>, is_not: bool) -> Clause<T> {
    match clause {
        Clause::Is(set) if is_not => Clause::IsNot(set.clone()),
        other => other.clone(),
    }
}

fn statement(with_principal: bool) -> impl Strategy<Value = Statement> {
    let principals = prop::collection::vec(pick(PRINCIPALS), 1..3);
    let actions = prop::collection::vec(pick(ACTIONS), 1..3);
    let condition = || (pick(OPERATORS), prop::collection::vec(pick(VALUES), 0..3), pick(&["k", "K", "l"]));
    let nots = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (any::<bool>(), principals, actions, nots, condition(), condition()).prop_map(
        move |(allow, principals, actions, (not_principal, not_action), one, other)| {
            let mut statement = if allow { Statement::allow("s") } else { Statement::deny("s") };
            if with_principal {
                statement = statement.principal_aws(principals);
            }
            statement = statement.actions(actions).resource("*");
            statement.principals = negated(&statement.principals, not_principal);
            statement.actions = negated(&statement.actions, not_action);
            for (operator, values, key) in [one, other] {
                if let Some(operator) = Operator::parse(operator) {
                    statement = statement.condition(operator, key, values);
                }
            }
            statement
        },
    )
}

fn document(with_principal: bool) -> impl Strategy<Value = PolicyDocument> {
    prop::collection::vec(statement(with_principal), 0..4).prop_map(PolicyDocument::new)
}

fn request_values() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(pick(&["x", "y", "xz", "", "7", "arn:a:b:c:d:e", "true"]), 0..3)
}

/// Generates callers that have everything except identity policies.
fn caller() -> impl Strategy<Value = Caller> {
    let kinds = prop::sample::select(&[0, 1, 2, 3, 4]);
    (kinds, any::<bool>()).prop_map(|(kind, has_boundary)| {
        let session = |arn: &str, role: &str| CallerKind::Session { arn: arn.into(), role_arn: role.into() };
        let (kind, account) = match kind {
            0 => (CallerKind::Role { arn: ROLE.into() }, "111122223333"),
            1 => (session("arn:aws:sts::111122223333:assumed-role/f/s", ROLE), "111122223333"),
            2 => (CallerKind::User { arn: "arn:aws:iam::111122223333:user/u".into() }, "111122223333"),
            3 => (session("arn:aws:sts::444455556666:assumed-role/x/s", ABROAD), "444455556666"),
            _ => (CallerKind::Role { arn: ABROAD.into() }, "444455556666"),
        };
        let mut caller = Caller::new(kind, account);
        if account == "111122223333" {
            caller.unique_id = Some("AROAF".to_owned());
        }
        if has_boundary {
            let other = Statement::allow("b").actions(["s3:*"]).resource("*");
            caller.boundary = Readable::Known(Some(PolicyDocument::new([other])));
        }
        caller
    })
}

fn ask_as(caller: &Caller, key: &PolicyDocument, identity: &PolicyDocument, values: &[&str]) -> Outcome {
    let policy = NamedPolicy { name: "p".to_owned(), document: identity.clone() };
    let caller = Caller { identity: Readable::Known(vec![policy]), ..caller.clone() };
    let key = KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", key.clone());
    let mut request = Request::new("kms:Decrypt", &caller, &key);
    request.context.add("k", values.iter().copied());
    request.context.set("aws:PrincipalTag/t", "x");
    decide(&caller, &request, &key).outcome
}

fn ask(key: &PolicyDocument, identity: &PolicyDocument, values: &[&str]) -> Outcome {
    let mut caller = Caller::role(ROLE, []);
    caller.unique_id = Some("AROAF".to_owned());
    ask_as(&caller, key, identity, values)
}

fn with(document: &PolicyDocument, statement: &Statement) -> PolicyDocument {
    PolicyDocument::new(document.statements().iter().chain([statement]).cloned())
}

fn turned(document: &PolicyDocument) -> PolicyDocument {
    PolicyDocument::new(document.statements().iter().rev().cloned())
}

fn back(change: Change) -> Change {
    match change {
        Change::Widens => Change::Narrows,
        Change::Narrows => Change::Widens,
        other => other,
    }
}

/// Returns whether a change is consistent with the outcomes of one request before and after it.
fn agrees(change: Change, was: Outcome, is: Outcome) -> bool {
    let (was, is) = (was == Outcome::Allow, is == Outcome::Allow);
    match change {
        Change::None => was == is,
        Change::Widens => is || !was,
        Change::Narrows => was || !is,
        Change::Mixed => true,
    }
}

proptest! {
    #[test]
    fn a_statement_more_moves_access_one_way(
        who in caller(), key in document(true), identity in document(false), more in statement(true),
        mine in statement(false), values in request_values()
    ) {
        let before = ask_as(&who, &key, &identity, &values);
        for (effect, after) in [
            (more.effect, ask_as(&who, &with(&key, &more), &identity, &values)),
            (mine.effect, ask_as(&who, &key, &with(&identity, &mine), &values)),
        ] {
            if effect == Effect::Deny {
                prop_assert!(before == Outcome::Allow || after != Outcome::Allow);
            } else {
                prop_assert!(before != Outcome::Allow || after == Outcome::Allow);
                prop_assert_eq!(before == Outcome::ExplicitDeny, after == Outcome::ExplicitDeny);
            }
        }
    }

    #[test]
    fn order_never_matters(
        who in caller(), key in document(true), identity in document(false), values in request_values()
    ) {
        prop_assert_eq!(&turned(&key), &key);
        let answer = ask_as(&who, &key, &identity, &values);
        prop_assert_eq!(ask_as(&who, &turned(&key), &turned(&identity), &values), answer);
    }

    #[test]
    fn writing_and_reading_changes_nothing(
        who in caller(), key in document(true), identity in document(false), values in request_values()
    ) {
        let key_again = PolicyDocument::parse(&key.to_json(), KIND).unwrap();
        prop_assert_eq!(&key_again, &key);
        prop_assert_eq!(&key_again.to_json(), &key.to_json());
        let identity_again = PolicyDocument::parse(&identity.to_json(), PolicyKind::Identity).unwrap();
        prop_assert_eq!(&identity_again, &identity);
        let answer = ask_as(&who, &key, &identity, &values);
        prop_assert_eq!(ask_as(&who, &key_again, &identity_again, &values), answer);
    }

    #[test]
    fn a_document_is_the_same_as_itself(key in document(true), identity in document(false)) {
        prop_assert_eq!(compare(&key, &turned(&key), KIND), (Verdict::Same, Change::None));
        let kind = PolicyKind::Identity;
        prop_assert_eq!(compare(&identity, &turned(&identity), kind), (Verdict::Same, Change::None));
        let delta = delta(&key, &turned(&key), KIND);
        prop_assert!(delta.gained.is_empty() && delta.lost.is_empty());
    }

    #[test]
    fn the_comparison_agrees_with_the_decisions(
        who in caller(), before in document(true), after in document(true), identity in document(false),
        values in request_values()
    ) {
        let was = ask_as(&who, &before, &identity, &values);
        let is = ask_as(&who, &after, &identity, &values);
        for owner in [None, Some("111122223333")] {
            let (verdict, change) = compare_owned(&before, &after, KIND, owner);
            prop_assert!(agrees(change, was, is), "{change:?} but {was:?} -> {is:?}");
            prop_assert_eq!(verdict == Verdict::Different, change != Change::None);
            prop_assert_eq!(compare_owned(&after, &before, KIND, owner), (verdict, back(change)));
        }
    }

    /// Most changes of documents are small, and something can be proved only about small ones.
    #[test]
    fn the_comparison_of_a_small_change_agrees_with_the_decisions(
        who in caller(), key in document(true), identity in document(false), more in statement(true),
        mine in statement(false), other in statement(true), values in request_values()
    ) {
        for (before, after) in [
            (key.clone(), with(&key, &more)),
            (with(&key, &other), with(&key, &more)),
            (PolicyDocument::new([other]), PolicyDocument::new([more])),
        ] {
            let was = ask_as(&who, &before, &identity, &values);
            let is = ask_as(&who, &after, &identity, &values);
            for owner in [None, Some("111122223333")] {
                let (_, change) = compare_owned(&before, &after, KIND, owner);
                prop_assert!(agrees(change, was, is), "{change:?} but {was:?} -> {is:?}");
            }
        }
        let after = with(&identity, &mine);
        let (_, change) = compare(&identity, &after, PolicyKind::Identity);
        let was = ask_as(&who, &key, &identity, &values);
        let is = ask_as(&who, &key, &after, &values);
        prop_assert!(agrees(change, was, is), "{change:?} but {was:?} -> {is:?}");
    }

    #[test]
    fn what_cannot_be_read_never_allows(key in document(true), identity in document(false)) {
        let facts = KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", key.clone());
        let mut caller = Caller::role(ROLE, []);
        caller.unique_id = Some("AROAF".to_owned());
        caller.identity = Readable::Unknown { why: "access denied".to_owned() };
        let mut request = Request::new("kms:Decrypt", &caller, &facts);
        request.context.set("aws:PrincipalTag/t", "x");
        let blind = decide(&caller, &request, &facts).outcome;
        let seen = ask(&key, &identity, &[]);
        prop_assert_ne!(blind, Outcome::Allow);
        match blind {
            Outcome::ImplicitDeny => prop_assert_ne!(seen, Outcome::Allow),
            Outcome::ExplicitDeny => prop_assert_eq!(seen, Outcome::ExplicitDeny),
            Outcome::Allow | Outcome::Unknown => {}
        }
    }

    #[test]
    fn an_unknown_key_covers_every_value_of_it(
        key in document(true), identity in document(false), values in request_values()
    ) {
        let policy = NamedPolicy { name: "p".to_owned(), document: identity.clone() };
        let mut caller = Caller::role(ROLE, [policy]);
        caller.unique_id = Some("AROAF".to_owned());
        let facts = KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", key.clone());
        let mut request = Request::new("kms:Decrypt", &caller, &facts);
        request.context.set("aws:PrincipalTag/t", "x");
        let plain: Context = request.context.clone();
        request.context.set_unknown("k");
        let foggy = decide(&caller, &request, &facts).outcome;
        request.context = plain;
        request.context.add("k", values);
        let clear = decide(&caller, &request, &facts).outcome;
        let denied = |outcome| matches!(outcome, Outcome::ImplicitDeny | Outcome::ExplicitDeny);
        match foggy {
            Outcome::Unknown => {}
            Outcome::Allow => prop_assert_eq!(clear, Outcome::Allow),
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => prop_assert!(denied(clear)),
        }
    }
}
