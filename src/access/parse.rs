//! Reads policy documents from JSON and brings them into their normal form.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde_json::{Map, Value};

use super::document::{
    Clause, Conditions, Effect, PolicyDocument, PolicyError, PolicyKind, Principal, Statement, Version,
};
use super::json;
use super::names::Caseless;
use super::operator::Operator;

impl PolicyDocument {
    /// Reads a document from text: JSON, or the URL-encoded JSON of the IAM API.
    ///
    /// # Errors
    /// Fails on text that is not JSON, an object with the same key twice, and elements that AWS would refuse.
    pub fn parse(text: &str, kind: PolicyKind<'_>) -> Result<Self, PolicyError> {
        let value = json::read(text).map_err(|error| PolicyError::Json(error.to_string()))?;
        Self::from_value(&value, kind)
    }

    /// Reads a document from a JSON value.
    ///
    /// # Errors
    /// Fails on elements that AWS would refuse.
    pub fn from_value(value: &Value, kind: PolicyKind<'_>) -> Result<Self, PolicyError> {
        let place = "the policy";
        let mut members = Members::new(value, place)?;
        let version = members.text("Version")?.map(|text| text.parse()).transpose()?;
        let id = members.text("Id")?;
        let statements = match members.take("Statement") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(single) => vec![single],
            None => return Err(shape(place, "`Statement` is missing")),
        };
        members.finish()?;
        let statements =
            statements.into_iter().enumerate().map(|(index, value)| statement(index, value, kind));
        Ok(Self { version, id, statements: statements.collect::<Result<_, _>>()? })
    }
}

impl FromStr for Version {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        [Self::V2008, Self::V2012]
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or_else(|| shape("the policy", format!("`Version` is `{text}`; write `2012-10-17`")))
    }
}

fn statement(index: usize, value: &Value, kind: PolicyKind<'_>) -> Result<Statement, PolicyError> {
    let place = match value.get("Sid").and_then(Value::as_str) {
        Some(sid) => format!("statement `{sid}`"),
        None => format!("statement {}", index + 1),
    };
    let mut members = Members::new(value, &place)?;
    let sid = members.text("Sid")?;
    let effect = match members.text("Effect")?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => return Err(shape(&place, format!("`Effect` is `{other}`; write `Allow` or `Deny`"))),
        None => return Err(shape(&place, "`Effect` is missing")),
    };
    let principals = match kind.partition() {
        Some(partition) => members.clause("Principal", |value, place| principals(value, place, partition))?,
        None => Clause::Absent,
    };
    let actions = members.clause("Action", |value, place| strings(value, place, Caseless::new))?;
    let resources = members.clause("Resource", |value, place| strings(value, place, |text| text))?;
    let conditions = match members.take("Condition") {
        Some(value) => conditions(value, &place)?,
        None => Conditions::new(),
    };
    members.finish()?;
    // Key policies from before August 2025 may hold such statements, which have no effect.
    let lenient = matches!(kind, PolicyKind::Key { .. });
    if actions == Clause::Absent && !lenient {
        return Err(shape(&place, "`Action` is missing"));
    }
    if resources == Clause::Absent && !lenient && !matches!(kind, PolicyKind::Trust { .. }) {
        return Err(shape(&place, "`Resource` is missing"));
    }
    Ok(Statement { sid, effect, principals, actions, resources, conditions })
}

fn principals(value: &Value, place: &str, partition: &str) -> Result<BTreeSet<Principal>, PolicyError> {
    let by_type = match value {
        Value::String(text) if text == "*" => return Ok(BTreeSet::from([Principal::Everyone])),
        Value::Object(by_type) => by_type,
        _ => return Err(shape(place, "a principal is `\"*\"` or an object such as `{\"AWS\": \"...\"}`")),
    };
    let mut all = BTreeSet::new();
    for (name, values) in by_type {
        let read: fn(String) -> Principal = match name.as_str() {
            "AWS" => {
                all.extend(strings(values, place, |text| Principal::aws(&text, partition))?);
                continue;
            }
            "Service" => Principal::Service,
            "Federated" => Principal::Federated,
            "CanonicalUser" => Principal::CanonicalUser,
            _ => return Err(shape(place, format!("`{name}` is not a type of principal"))),
        };
        all.extend(strings(values, place, read)?);
    }
    Ok(all)
}

fn conditions(value: &Value, place: &str) -> Result<Conditions, PolicyError> {
    let mut all = Conditions::new();
    for (name, keys) in object(value, place, "Condition")? {
        let operator = Operator::parse(name)
            .ok_or_else(|| shape(place, format!("`{name}` is not a condition operator")))?;
        let mut by_key = BTreeMap::new();
        for (key, values) in object(keys, place, name)? {
            let values = strings(values, place, |text| operator.normal(text))?;
            if by_key.insert(Caseless::new(key), values).is_some() {
                return Err(shape(place, format!("`{key}` is given twice under `{name}`")));
            }
        }
        // An operator without keys has no effect.
        if !by_key.is_empty() && all.insert(operator, by_key).is_some() {
            return Err(shape(place, format!("`{operator}` is given twice")));
        }
    }
    Ok(all)
}

/// Reads a scalar or a list of scalars as a set.
fn strings<T: Ord>(
    value: &Value,
    place: &str,
    read: impl Fn(String) -> T,
) -> Result<BTreeSet<T>, PolicyError> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut all = BTreeSet::new();
    for item in items {
        let text = match item {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => item.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(shape(place, format!("`{item}` stands where a string belongs")));
            }
        };
        all.insert(read(text));
    }
    Ok(all)
}

fn object<'a>(value: &'a Value, place: &str, name: &str) -> Result<&'a Map<String, Value>, PolicyError> {
    value.as_object().ok_or_else(|| shape(place, format!("`{name}` is not an object")))
}

pub(super) fn shape(place: &str, problem: impl Into<String>) -> PolicyError {
    PolicyError::Shape { place: place.to_owned(), problem: problem.into() }
}

/// The members of a JSON object; each is taken once, and none may be left over.
struct Members<'a> {
    left: BTreeMap<&'a str, &'a Value>,
    place: &'a str,
}

impl<'a> Members<'a> {
    fn new(value: &'a Value, place: &'a str) -> Result<Self, PolicyError> {
        let object = value.as_object().ok_or_else(|| shape(place, "it is not a JSON object"))?;
        Ok(Self { left: object.iter().map(|(key, value)| (key.as_str(), value)).collect(), place })
    }

    fn take(&mut self, name: &str) -> Option<&'a Value> {
        self.left.remove(name)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, PolicyError> {
        match self.take(name) {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(shape(self.place, format!("`{name}` is not a string"))),
            None => Ok(None),
        }
    }

    /// Reads an element or its `Not` form; AWS accepts only one of the two.
    fn clause<T: Ord>(
        &mut self,
        name: &str,
        read: impl Fn(&Value, &str) -> Result<BTreeSet<T>, PolicyError>,
    ) -> Result<Clause<T>, PolicyError> {
        let not = format!("Not{name}");
        match (self.take(name), self.take(&not)) {
            (None, None) => Ok(Clause::Absent),
            (Some(value), None) => read(value, self.place).map(Clause::Is),
            (None, Some(value)) => read(value, self.place).map(Clause::IsNot),
            (Some(_), Some(_)) => {
                Err(shape(self.place, format!("`{name}` and `{not}` cannot stand together")))
            }
        }
    }

    fn finish(self) -> Result<(), PolicyError> {
        match self.left.keys().next() {
            Some(name) => Err(shape(self.place, format!("`{name}` is not an element that belongs here"))),
            None => Ok(()),
        }
    }
}
