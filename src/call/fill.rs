//! Fills values from one answer into the next request of a probe.

use serde_json::Value;

use super::CallError;

const OPEN: &str = "${answer.";

/// Replaces `${answer.FIELD}` in every string of a body. A string that holds nothing else becomes the value
/// itself, of whatever type; dots in FIELD lead into objects.
///
/// # Errors
///
/// Fails if the answer does not have the field.
pub(super) fn body(template: &Value, answer: &Value) -> Result<Value, CallError> {
    Ok(match template {
        Value::String(text) => match whole(text) {
            Some(field) => look_up(answer, field)?.clone(),
            None => Value::String(text_with(text, answer, &str::to_owned)?),
        },
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| body(item, answer)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), body(value, answer)?)))
                .collect::<Result<_, CallError>>()?,
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    })
}

/// Replaces `${answer.FIELD}` in a path, with each value as one path segment.
///
/// # Errors
///
/// Fails if the answer does not have the field.
pub(super) fn path(template: &str, answer: &Value) -> Result<String, CallError> {
    text_with(template, answer, &|value| {
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
    })
}

/// Returns whether an answer has all the fields of `expected`, with the same values.
pub(super) fn covers(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| answer.get(name).is_some_and(|found| covers(found, value)))
        }
        _ => answer == expected,
    }
}

fn whole(text: &str) -> Option<&str> {
    let field = text.strip_prefix(OPEN)?.strip_suffix('}')?;
    (!field.contains('}')).then_some(field)
}

fn text_with(text: &str, answer: &Value, write: &dyn Fn(&str) -> String) -> Result<String, CallError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        filled.push_str(before);
        let Some((field, tail)) = after.split_once('}') else {
            filled.push_str(OPEN);
            rest = after;
            continue;
        };
        match look_up(answer, field)? {
            Value::String(value) => filled.push_str(&write(value)),
            value => filled.push_str(&write(&value.to_string())),
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn look_up<'a>(answer: &'a Value, field: &str) -> Result<&'a Value, CallError> {
    field
        .split('.')
        .try_fold(answer, |value, part| match value {
            Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
            value => value.get(part),
        })
        .ok_or_else(|| CallError::NoField { field: field.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fills_whole_values_and_parts_of_strings() {
        let answer = json!({ "ciphertext": "ab+/=", "n": 3, "deep": { "list": [{ "id": "x" }] } });
        let template = json!({
            "ciphertext": "${answer.ciphertext}", "n": "${answer.n}", "both": "${answer.n}-${answer.deep.list.0.id}",
            "list": ["${answer.deep.list}", true], "open": "${answer.n",
        });
        assert_eq!(
            body(&template, &answer).unwrap(),
            json!({
                "ciphertext": "ab+/=", "n": 3, "both": "3-x", "list": [[{ "id": "x" }], true],
                "open": "${answer.n",
            })
        );
        assert_eq!(path("/items/${answer.ciphertext}/${answer.n}", &answer).unwrap(), "/items/ab%2B%2F%3D/3");
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let error = body(&json!(["${answer.a.b}"]), &json!({ "a": 1 })).unwrap_err();
        assert_eq!(error.to_string(), "the answer has no field `a.b`");
    }

    #[test]
    fn an_answer_may_have_more_than_is_expected() {
        let answer = json!({ "text": "probe", "more": [1, 2], "deep": { "a": 1, "b": 2 } });
        assert!(covers(&answer, &json!({ "text": "probe", "deep": { "a": 1 } })));
        assert!(!covers(&answer, &json!({ "text": "other" })));
        assert!(!covers(&answer, &json!({ "more": [1] })));
        assert!(!covers(&answer, &json!({ "missing": null })));
    }
}
