use super::{Operator, PolicyDocument, PolicyKind, Statement};

const KEY: PolicyKind<'_> = PolicyKind::Key { partition: "aws" };

fn key(text: &str) -> PolicyDocument {
    PolicyDocument::parse(text, KEY).unwrap()
}

fn problem(text: &str, kind: PolicyKind<'_>) -> String {
    PolicyDocument::parse(text, kind).unwrap_err().to_string()
}

#[test]
fn what_aws_may_return_for_it_is_equal() {
    let put = key(r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "a", "Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": ["kms:Decrypt", "kms:Encrypt"],
         "Resource": ["*"], "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}},
        {"Sid": "b", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*",
         "Condition": {"NumericLessThan": {"kms:RotationPeriodInDays": 90}}}]}"#);
    let got = key(r#"{"Statement": [
        {"Effect": "Deny", "Sid": "b", "Principal": {"AWS": "*"}, "Resource": "*", "Action": ["KMS:*"],
         "Condition": {"NumericLessThan": {"kms:rotationperiodindays": "90"}}},
        {"Effect": "Allow", "Sid": "a", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Resource": "*",
         "Action": ["kms:encrypt", "kms:Decrypt"], "Condition": {"Bool": {"kms:GrantIsForAWSResource": ["true"]}}}],
        "Version": "2012-10-17"}"#);
    assert_eq!(put, got);
}

#[test]
fn sids_ids_versions_and_values_count() {
    let base = r#"{"Version": "2012-10-17", "Statement": {"Sid": "a", "Effect": "Allow", "Principal": {"AWS": "AIDAX"}, "Action": "kms:Decrypt", "Resource": "*"}}"#;
    for (from, to) in [
        ("\"a\"", "\"A\""),
        ("2012-10-17", "2008-10-17"),
        ("\"Version\": \"2012-10-17\", ", ""),
        ("AIDAX", "AIDAx"),
        ("{\"Version", "{\"Id\": \"x\", \"Version"),
        ("Allow", "Deny"),
        ("Principal", "NotPrincipal"),
    ] {
        assert_ne!(key(base), key(&base.replacen(from, to, 1)), "{from} -> {to}");
    }
}

#[test]
fn a_document_reads_back_from_what_it_writes() {
    let document = PolicyDocument::new([
        Statement::allow("Use by \"encrypt\"")
            .principal_aws(["arn:aws-cn:iam::111122223333:role/service-role/f", "444455556666"])
            .principal_service(["logs.cn-north-1.amazonaws.com.cn"])
            .actions(["kms:Decrypt", "kms:Encrypt"])
            .resource("*")
            .condition(Operator::STRING_EQUALS, "kms:ViaService", ["lambda.cn-north-1.amazonaws.com"]),
        Statement::deny("D").principal_aws(["*"]).actions(["kms:*"]).resource("*"),
    ]);
    assert_eq!(
        document.to_json(),
        concat!(
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"Use by \"encrypt\"","Effect":"Allow","Principal":"#,
            r#"{"AWS":["arn:aws-cn:iam::444455556666:root","arn:aws-cn:iam::111122223333:role/service-role/f"],"#,
            r#""Service":"logs.cn-north-1.amazonaws.com.cn"},"Action":["kms:Decrypt","kms:Encrypt"],"Resource":"*","#,
            r#""Condition":{"StringEquals":{"kms:ViaService":"lambda.cn-north-1.amazonaws.com"}}},"#,
            r#"{"Sid":"D","Effect":"Deny","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}"#
        )
    );
    assert_eq!(key(&document.to_json()), document);
    assert_eq!(serde_json::from_str::<PolicyDocument>(&document.to_json()).unwrap(), document);
    assert_eq!(document.size(), document.to_json().len());
}

#[test]
fn identity_policies_come_url_encoded() {
    let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22kms%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
    let plain =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
    let read = |text| PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    assert_eq!(read(encoded), read(plain));
    assert_eq!(read(encoded).to_json(), plain);
}

#[test]
fn old_key_policies_may_lack_action_and_resource() {
    let text = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}}}"#;
    assert_eq!(key(text).statements().len(), 1);
    assert!(problem(text, PolicyKind::Resource { partition: "aws" }).contains("`Action` is missing"));
}

#[test]
fn malformed_documents_say_where_and_what() {
    let statement = |inner: &str| format!(r#"{{"Statement": [{{"Sid": "S", {inner}}}]}}"#);
    let rest = r#""Effect": "Allow", "Action": "kms:*", "Resource": "*""#;
    for (text, message) in [
        ("[]".to_owned(), "the policy: it is not a JSON object"),
        ("{}".to_owned(), "the policy: `Statement` is missing"),
        (r#"{"Version": "2012", "Statement": []}"#.to_owned(), "the policy: `Version` is `2012`"),
        (statement(r#""Action": "kms:*""#), "statement `S`: `Effect` is missing"),
        (statement(r#""Effect": "allow""#), "statement `S`: `Effect` is `allow`"),
        (
            statement(&format!(r#"{rest}, "Principals": "*""#)),
            "statement `S`: `Principals` is not an element",
        ),
        (
            statement(&format!(r#"{rest}, "NotAction": "*""#)),
            "`Action` and `NotAction` cannot stand together",
        ),
        (statement(&format!(r#"{rest}, "Principal": ["*"]"#)), "statement `S`: a principal is"),
        (statement(&format!(r#"{rest}, "Principal": {{"User": "*"}}"#)), "`User` is not a type of principal"),
        (
            statement(&format!(r#"{rest}, "Condition": {{"StringIs": {{}}}}"#)),
            "`StringIs` is not a condition operator",
        ),
        (
            statement(&format!(r#"{rest}, "Condition": {{"Bool": {{"a": 1, "A": 2}}}}"#)),
            "is given twice under `Bool`",
        ),
        (statement(&format!(r#"{rest}, "Effect": "Deny""#)), "`Effect` is given twice"),
        (statement(r#""Effect": "Allow", "Action": [["kms:*"]]"#), "stands where a string belongs"),
    ] {
        let got = problem(&text, KEY);
        assert!(got.contains(message), "{text}\n{got}");
    }
    let named = statement(&format!(r#"{rest}, "Principal": "*""#));
    assert!(problem(&named, PolicyKind::Identity).contains("`Principal` is not an element"));
}
