//! Strict parsing of JSON: only objects, no duplicate keys, and no null instead of an absent value.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, de};

/// Parses one JSON object.
///
/// Serde would also fill a struct from an array; this function refuses a body or token header that is an array.
///
/// # Errors
/// Returns the position at which the bytes are not JSON, or not an object with the shape of `T`.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(bytes),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// Deserializes a value that may be absent but not null; for `#[serde(default, deserialize_with)]`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A map that refuses duplicate keys, of which serde would silently keep the last.
#[derive(Debug)]
pub(crate) struct UniqueMap<V>(pub(crate) BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
            type Value = UniqueMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = access.next_entry()? {
                    if map.insert(key, value).is_some() {
                        return Err(de::Error::custom("a key is given twice"));
                    }
                }
                Ok(UniqueMap(map))
            }
        }

        deserializer.deserialize_map(Unique(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "present")]
        n: Option<u64>,
    }

    #[test]
    fn takes_objects_only() {
        assert_eq!(object::<Sample>(br#" {"n": 1}"#).unwrap().n, Some(1));
        assert_eq!(object::<Sample>(b"{}").unwrap().n, None);
        for bad in ["[1]", r#"{"n":null}"#, r#"{"n":1,"n":1}"#, r#"{"n":1} {}"#, "", "null", r#"{"n":1"#] {
            assert!(object::<Sample>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_a_key_given_twice_however_it_is_spelled() {
        assert!(object::<UniqueMap<String>>(br#"{"a":"1","b":"2"}"#).is_ok());
        assert!(object::<UniqueMap<String>>(br#"{"a":"1","a":"1"}"#).is_err());
        assert!(object::<UniqueMap<String>>(br#"{"a":"1","\u0061":"2"}"#).is_err());
    }
}
