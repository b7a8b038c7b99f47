//! The hash of everything that a deployment of an API freezes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::kinds::api::{Part, PartId, Settings};
use crate::stack::digest;

/// Hashes the settings and the tree of an API. References to IDs stay unresolved, so the hash is known before the IDs.
pub(super) fn of(settings: &Settings, parts: &BTreeMap<PartId, Part>) -> String {
    // Name, description, endpoint and tags take effect without a deployment.
    let Settings {
        api_name: _,
        description: _,
        endpoint_type: _,
        vpc_endpoints: _,
        binary_types,
        policy,
        min_compression,
        api_key_source,
        disable_execute_api,
        tags: _,
    } = settings;
    let frozen = json!({
        "binary_types": binary_types,
        "policy": policy,
        "min_compression": min_compression,
        "api_key_source": api_key_source,
        "disable_execute_api": disable_execute_api,
        "parts": parts,
    });
    let mut text = String::new();
    canonical(&frozen, &mut text);
    digest(&text)
}

/// Writes JSON with sorted keys, whatever the order of its maps.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            out.push('{');
            for (key, value) in sorted {
                // Writing to a string cannot fail.
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}
