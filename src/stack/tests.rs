use super::*;
use crate::kinds::Name;

pub(super) fn place() -> Place {
    Place {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        function_env: BTreeMap::new(),
    }
}

#[test]
fn the_example_compiles() {
    let source = Source { file: "stack.yaml", text: EXAMPLE };
    let file = parse(source).unwrap_or_else(|problems| panic!("{}", problems.render(source, false)));
    let inputs = Inputs { env: Some("test".to_owned()), ..Inputs::default() };
    let desired = file.compile(&inputs, &place()).unwrap();
    assert_eq!(
        desired.functions[&Name::from("encrypt")].spec.config.env["KEY_ID"],
        "alias/text-encryption-test-text"
    );
}

#[test]
fn the_schema_beside_the_documentation_is_the_one_of_the_types() {
    let written: Json = serde_json::from_str(include_str!("../../docs/stack.schema.json")).unwrap();
    assert!(written == schema(), "write it anew: `lockstep schema > docs/stack.schema.json`");
}
