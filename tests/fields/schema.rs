//! Checks that the cases have every field of the schema.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::project::read_yaml;

/// Fields by the definition that they are in.
type Fields = BTreeSet<(String, String)>;

#[test]
fn the_cases_have_every_field_of_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = read_yaml(&root.join("docs/stack.schema.json"));
    let mut declared = Fields::new();
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        declared.extend(properties(definition).map(|field| (name.clone(), field)));
    }
    declared.extend(properties(&schema).map(|field| (String::new(), field)));
    assert!(declared.len() > 100);
    let mut written = Fields::new();
    for file in
        files(&root.join("tests/cases/fields")).iter().chain(&files(&root.join("tests/cases/environments")))
    {
        Walk { schema: &schema, written: &mut written }.value("", &schema, &read_yaml(file));
    }
    let missing: Vec<_> = declared.difference(&written).collect();
    // Compiling takes minutes; `tests/e2e` does it.
    let known = ["cargo", "workspace"].map(|field| ("Code".to_owned(), field.to_owned()));
    assert_eq!(missing, known.iter().collect::<Vec<_>>());
}

fn properties(schema: &Value) -> impl Iterator<Item = String> {
    schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().cloned())
}

/// Lists the stack files in a folder and in the folders in it.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found
}

/// Follows a stack file and the schema in parallel.
struct Walk<'a> {
    schema: &'a Value,
    written: &'a mut Fields,
}

impl Walk<'_> {
    fn value(&mut self, definition: &str, node: &Value, value: &Value) {
        if let Some(name) = node["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            let schema = self.schema;
            self.value(name, &schema["$defs"][name], value);
        }
        for choice in ["anyOf", "oneOf", "allOf"] {
            for node in node[choice].as_array().into_iter().flatten() {
                self.value(definition, node, value);
            }
        }
        for item in value.as_array().into_iter().flatten() {
            self.value(definition, &node["items"], item);
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            match node["properties"].get(key) {
                Some(field) => {
                    self.written.insert((definition.to_owned(), key.clone()));
                    self.value(definition, field, inner);
                }
                None => self.value(definition, &node["additionalProperties"], inner),
            }
        }
    }
}
