//! Identifiers that AWS assigns, and the references to them.
//!
//! A key ID or an API ID is not known before the resource exists. Specs and operations refer to it as
//! `${lockstep:keys.text.arn}`. The reference is filled in from [`Ids`] as soon as the value is known: at planning time
//! for what exists already, and right before the call for what the same run creates.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

const OPEN: &str = "${lockstep:";

/// Identifiers known so far, by reference (`keys.text.arn`, `apis.text.id`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ids(BTreeMap<String, String>);

impl Ids {
    /// Records one identifier.
    pub fn set(&mut self, reference: impl Into<String>, value: impl Into<String>) {
        self.0.insert(reference.into(), value.into());
    }

    /// Looks up one identifier.
    pub fn get(&self, reference: &str) -> Option<&str> {
        self.0.get(reference).map(String::as_str)
    }

    /// Returns whether no identifier is known yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds every identifier of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Removes every identifier under a prefix, such as `apis.text.`.
    pub fn forget(&mut self, prefix: &str) {
        self.0.retain(|reference, _| !reference.starts_with(prefix));
    }

    /// Fills in the references in one string; unknown ones stay as they are.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            filled.push_str(before);
            let Some((reference, tail)) = after.split_once('}') else {
                filled.push_str(OPEN);
                rest = after;
                continue;
            };
            match self.get(reference) {
                Some(value) => filled.push_str(value),
                None => filled.push_str(&to(reference)),
            }
            rest = tail;
        }
        filled.push_str(rest);
        filled
    }

    /// Fills in the references in every string inside a value.
    ///
    /// # Errors
    ///
    /// When the filled value no longer has the shape of `T`, which a reference inside a string cannot cause.
    pub fn resolve<T: Serialize + DeserializeOwned>(&self, value: &T) -> Result<T, serde_json::Error> {
        let mut json = serde_json::to_value(value)?;
        self.resolve_json(&mut json);
        serde_json::from_value(json)
    }

    fn resolve_json(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains(OPEN) => *text = self.fill(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve_json(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.resolve_json(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Writes a reference to an identifier that may not be known yet.
pub fn to(reference: &str) -> String {
    format!("{OPEN}{reference}}}")
}

/// Returns whether a string still holds a reference.
pub fn is_open(text: &str) -> bool {
    text.contains(OPEN)
}

/// Lists the references that a string still holds.
pub fn open_in(text: &str) -> BTreeSet<&str> {
    text.split(OPEN).skip(1).filter_map(|part| part.split_once('}').map(|(reference, _)| reference)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_known_references_and_keeps_the_rest() {
        let mut ids = Ids::default();
        ids.set("apis.text.id", "a1");
        let text = format!("x/{}/{}/${{aws:username}}", to("apis.text.id"), to("keys.text.arn"));
        assert_eq!(ids.fill(&text), "x/a1/${lockstep:keys.text.arn}/${aws:username}");
        assert_eq!(open_in(&text), BTreeSet::from(["apis.text.id", "keys.text.arn"]));
    }

    #[test]
    fn an_unclosed_reference_is_left_alone() {
        assert_eq!(Ids::default().fill("${lockstep:x"), "${lockstep:x");
    }

    #[test]
    fn resolves_inside_nested_values() {
        let mut ids = Ids::default();
        ids.set("keys.k.arn", "arn:k");
        let value = BTreeMap::from([("a".to_owned(), vec![to("keys.k.arn")])]);
        assert_eq!(
            ids.resolve(&value).unwrap(),
            BTreeMap::from([("a".to_owned(), vec!["arn:k".to_owned()])])
        );
    }
}
