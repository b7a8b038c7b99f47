use proptest::prelude::*;

use super::{
    Caller, Change, Clause, Context, Effect, KeyFacts, NamedPolicy, Operator, Outcome, PolicyDocument,
    PolicyKind, Readable, Request, Statement, Verdict, compare, decide,
};

const ROLE: &str = "arn:aws:iam::111122223333:role/f";
const KIND: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(from)
}

fn statement(with_principal: bool) -> impl Strategy<Value = Statement> {
    let principals = prop::collection::vec(
        pick(&["*", ROLE, "111122223333", "444455556666", "AROAF", "arn:aws:iam::111122223333:role/g"]),
        1..3,
    );
    let actions = prop::collection::vec(pick(&["kms:*", "kms:Decrypt", "KMS:De*", "kms:Encrypt", "*"]), 1..3);
    let values = prop::collection::vec(pick(&["x", "y", "x*", "${aws:PrincipalTag/t}"]), 1..3);
    let operators = pick(&[
        "",
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringEqualsIfExists",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringLike",
        "ForAnyValue:StringNotEquals",
    ]);
    (any::<bool>(), principals, any::<bool>(), actions, any::<bool>(), operators, values).prop_map(
        move |(allow, principals, not_principal, actions, not_action, operator, values)| {
            let mut statement = match allow {
                true => Statement::allow("s"),
                false => Statement::deny("s"),
            };
            if with_principal {
                statement = statement.principal_aws(principals);
            }
            statement = statement.actions(actions).resource("*");
            if let (true, Clause::Is(set)) = (not_principal && with_principal, statement.principals.clone()) {
                statement.principals = Clause::IsNot(set);
            }
            if let (true, Clause::Is(set)) = (not_action, statement.actions.clone()) {
                statement.actions = Clause::IsNot(set);
            }
            match Operator::parse(operator) {
                Some(operator) => statement.condition(operator, "k", values),
                None => statement,
            }
        },
    )
}

fn document(with_principal: bool) -> impl Strategy<Value = PolicyDocument> {
    prop::collection::vec(statement(with_principal), 0..4).prop_map(PolicyDocument::new)
}

fn request_values() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(pick(&["x", "y", "xz", ""]), 0..3)
}

fn ask(key: &PolicyDocument, identity: &PolicyDocument, values: &[&str]) -> Outcome {
    let policy = NamedPolicy { name: "p".to_owned(), document: identity.clone() };
    let mut caller = Caller::role(ROLE, [policy]);
    caller.unique_id = Some("AROAF".to_owned());
    let key = KeyFacts::new("arn:aws:kms:eu-west-1:111122223333:key/k", key.clone());
    let mut request = Request::new("kms:Decrypt", &caller, &key);
    request.context.add("k", values.iter().copied());
    request.context.set("aws:PrincipalTag/t", "x");
    decide(&caller, &request, &key).outcome
}

fn with(document: &PolicyDocument, statement: &Statement) -> PolicyDocument {
    PolicyDocument::new(document.statements().iter().chain([statement]).cloned())
}

proptest! {
    #[test]
    fn a_statement_more_moves_access_one_way(
        key in document(true), identity in document(false), more in statement(true), values in request_values()
    ) {
        let before = ask(&key, &identity, &values);
        let after = ask(&with(&key, &more), &identity, &values);
        if more.effect == Effect::Deny {
            prop_assert!(before == Outcome::Allow || after != Outcome::Allow);
        } else {
            prop_assert!(before != Outcome::Allow || after == Outcome::Allow);
        }
    }

    #[test]
    fn order_never_matters(key in document(true), identity in document(false), values in request_values()) {
        let turned = PolicyDocument::new(key.statements().iter().rev().cloned());
        prop_assert_eq!(&turned, &key);
        prop_assert_eq!(ask(&turned, &identity, &values), ask(&key, &identity, &values));
    }

    #[test]
    fn writing_and_reading_changes_nothing(key in document(true), values in request_values()) {
        let again = PolicyDocument::parse(&key.to_json(), KIND).unwrap();
        prop_assert_eq!(&again, &key);
        let nothing = PolicyDocument::new([]);
        prop_assert_eq!(ask(&again, &nothing, &values), ask(&key, &nothing, &values));
    }

    #[test]
    fn the_comparison_agrees_with_the_decisions(
        before in document(true), after in document(true), identity in document(false), values in request_values()
    ) {
        let (verdict, change) = compare(&before, &after, KIND);
        let was = ask(&before, &identity, &values) == Outcome::Allow;
        let is = ask(&after, &identity, &values) == Outcome::Allow;
        match change {
            Change::None => prop_assert_eq!(was, is),
            Change::Widens => prop_assert!(is || !was),
            Change::Narrows => prop_assert!(was || !is),
            Change::Mixed => prop_assert_eq!(verdict, Verdict::Different),
        }
        let back = match change {
            Change::Widens => Change::Narrows,
            Change::Narrows => Change::Widens,
            other => other,
        };
        prop_assert_eq!(compare(&after, &before, KIND), (verdict, back));
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
