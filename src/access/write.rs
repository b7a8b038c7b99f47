//! Writes policy documents as the JSON that AWS accepts.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::document::{Clause, PolicyDocument, PolicyKind, Principal, Statement};

impl PolicyDocument {
    /// Returns the document as minified JSON: elements in a fixed order, statements in their original order,
    /// lists sorted, and a list with one item as a scalar.
    pub fn to_json(&self) -> String {
        // Serializing strings into a string cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for PolicyDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { version, id, statements } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(version) = version {
            map.serialize_entry("Version", version.as_str())?;
        }
        if let Some(id) = id {
            map.serialize_entry("Id", id)?;
        }
        map.serialize_entry("Statement", statements)?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { sid, effect, principals, actions, resources, conditions } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(sid) = sid {
            map.serialize_entry("Sid", sid)?;
        }
        map.serialize_entry("Effect", effect.as_str())?;
        match principals {
            Clause::Absent => {}
            Clause::Is(set) => map.serialize_entry("Principal", &by_type(set))?,
            Clause::IsNot(set) => map.serialize_entry("NotPrincipal", &by_type(set))?,
        }
        match actions {
            Clause::Absent => {}
            Clause::Is(set) => map.serialize_entry("Action", &list(set.iter().map(ToString::to_string)))?,
            Clause::IsNot(set) => {
                map.serialize_entry("NotAction", &list(set.iter().map(ToString::to_string)))?;
            }
        }
        match resources {
            Clause::Absent => {}
            Clause::Is(set) => map.serialize_entry("Resource", &list(set.iter().cloned()))?,
            Clause::IsNot(set) => map.serialize_entry("NotResource", &list(set.iter().cloned()))?,
        }
        if !conditions.is_empty() {
            let text = |(key, values): (_, &BTreeSet<String>)| {
                (ToString::to_string(key), list(values.iter().cloned()))
            };
            let written: BTreeMap<String, BTreeMap<String, Value>> = conditions
                .iter()
                .map(|(operator, keys)| (operator.to_string(), keys.iter().map(text).collect()))
                .collect();
            map.serialize_entry("Condition", &written)?;
        }
        map.end()
    }
}

fn by_type(principals: &BTreeSet<Principal>) -> BTreeMap<&'static str, Value> {
    let mut types: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for principal in principals {
        let (name, value) = principal.parts();
        types.entry(name).or_default().push(value);
    }
    types.into_iter().map(|(name, values)| (name, list(values))).collect()
}

/// Writes one item as a scalar, which is shorter, and any other number of items as a list.
fn list(items: impl IntoIterator<Item = String>) -> Value {
    let mut items: Vec<Value> = items.into_iter().map(Value::String).collect();
    match items.pop() {
        Some(only) if items.is_empty() => only,
        last => Value::Array(items.into_iter().chain(last).collect()),
    }
}

/// Reads the output of [`Serialize`]; the kind of policy follows from whether a statement names principals.
impl<'de> Deserialize<'de> for PolicyDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let names_principals = |statement: &Value| {
            statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some()
        };
        let kind = match value.get("Statement") {
            Some(Value::Array(list)) if list.iter().any(names_principals) => {
                PolicyKind::Key { partition: "aws" }
            }
            Some(single) if names_principals(single) => PolicyKind::Key { partition: "aws" },
            _ => PolicyKind::Identity,
        };
        Self::from_value(&value, kind).map_err(D::Error::custom)
    }
}
