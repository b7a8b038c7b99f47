//! Strict JSON: refuses duplicate keys, which `serde_json` accepts, and reads the URL-encoded form of the IAM API.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON value in which no object holds the same key twice.
///
/// `serde_json` silently keeps the last of two equal keys. Services differ in which one they keep, so a
/// policy with a duplicate element means different things to different readers.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format_args!("`{key}` is given twice in one object")));
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

/// Reads JSON text, URL-encoded or not, and refuses duplicate keys and anything after the value.
pub(super) fn read(text: &str) -> Result<Value, serde_json::Error> {
    let text = decoded(text.strip_prefix('\u{feff}').unwrap_or(text));
    serde_json::from_str::<Strict>(&text).map(|Strict(value)| value)
}

/// Decodes URL-encoded text. If the result is not valid JSON, `+` is decoded as a blank too.
pub(super) fn url_decoded(text: &str) -> String {
    let plain = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    if serde_json::from_str::<serde::de::IgnoredAny>(&plain).is_ok() {
        return plain.into_owned();
    }
    percent_encoding::percent_decode_str(&text.replace('+', "%20")).decode_utf8_lossy().into_owned()
}

/// Decodes the URL encoding of the IAM API; other text is returned unchanged.
///
/// A JSON object starts with `{`, which URL encoding always escapes, so the two forms cannot be confused.
fn decoded(text: &str) -> Cow<'_, str> {
    if text.trim_start().starts_with('%') {
        percent_encoding::percent_decode_str(text).decode_utf8_lossy()
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_keys_are_refused_at_any_depth() {
        let error = read(r#"{"a": [{"b": 1, "b": 2}]}"#).unwrap_err();
        assert!(error.to_string().contains("`b` is given twice"), "{error}");
    }

    #[test]
    fn blanks_may_be_encoded_as_plus() {
        assert_eq!(url_decoded("%7B%22a%22%3A+%22x+y%22%7D"), r#"{"a": "x y"}"#);
        assert_eq!(url_decoded("%7B%22a%22%3A%20%22x+y%22%7D"), r#"{"a": "x+y"}"#);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert!(read("\u{feff}{}").is_ok());
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert!(read("{} {}").is_err());
    }

    #[test]
    fn url_encoding_is_undone_and_a_plus_stays_a_plus() {
        assert_eq!(read("%7B%22a%22%3A%20%22x+y%22%7D").unwrap(), serde_json::json!({"a": "x+y"}));
    }
}
