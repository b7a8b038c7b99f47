//! Saved plans that somebody edited.

use serde_json::Value;

use crate::checks::saved_plan::{check, check_text, genuine};
use crate::mutation::{corpus, mutations};

#[test]
fn saved_plans_of_the_corpus() {
    for (name, data) in corpus("saved_plan") {
        mutations(&name, &data, 40).iter().for_each(|data| check(data));
    }
}

#[test]
fn the_genuine_file_is_accepted() {
    assert!(check_text(&genuine().text));
    let later = genuine().text.replace(
        "\"format_version\": \"1.0\",\n  \"account\"",
        "\"format_version\": \"1.7\",\n  \"account\"",
    );
    assert!(check_text(&later) && later != genuine().text);
}

/// Bytes from all over the file become other ones: `check_text` fails where that is accepted and means something
/// else.
#[test]
fn no_byte_can_be_another_one() {
    let text = &genuine().text;
    let (mut tried, mut accepted) = (0, 0);
    // Every third byte of the head, which is for programs, and some of the view, which is for people as well.
    let view = text.find("\"view\"").unwrap();
    for place in (0..view).step_by(3).chain((view..text.len()).step_by(101)) {
        for flip in [1, 0x10] {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= flip;
            tried += 1;
            accepted += usize::from(String::from_utf8(bytes).is_ok_and(|text| check_text(&text)));
        }
    }
    // What is accepted is white space, and the minor number of the format.
    assert!(tried > 400 && accepted < tried / 20, "{accepted} of {tried}");
}

/// Every value of the file goes, or becomes another one.
#[test]
fn no_field_can_be_another_one() {
    let whole: Value = serde_json::from_str(&genuine().text).unwrap();
    let mut places = Vec::new();
    pointers(&whole, String::new(), &mut places);
    assert!(places.len() > 100, "{}", places.len());
    // Of the format only the first number counts.
    for place in places.into_iter().filter(|place| place != "/format_version") {
        let mut edited = whole.clone();
        let value = edited.pointer_mut(&place).unwrap();
        *value = match value {
            Value::Bool(value) => (!*value).into(),
            Value::String(value) => format!("{value}x").into(),
            _ => "x".into(),
        };
        assert!(!check_text(&edited.to_string()), "{place} {edited}");
    }
}

fn pointers(value: &Value, place: String, all: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| pointers(value, format!("{place}/{}", escaped(key)), all))
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| pointers(value, format!("{place}/{at}"), all))
        }
        _ => {}
    }
    if !place.is_empty() {
        all.push(place);
    }
}
