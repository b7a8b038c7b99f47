//! The settings that the two functions read from their environment.

use crate::jwt::Expected;
use crate::policy::{RouteScopes, RouteScopesError};

/// The variable that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("`{0}` is not set, put it into the function's environment")]
    Missing(&'static str),
    #[error(transparent)]
    RouteScopes(#[from] RouteScopesError),
}

/// The settings of the function `text-encryption`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSettings {
    /// The id, ARN or alias of the key.
    pub key_id: String,
}

/// The settings of the function `authorizer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizerSettings {
    /// The id, ARN or alias of the key that signs the tokens.
    pub token_key_id: String,
    pub expected: Expected,
    pub routes: RouteScopes,
}

/// Reads one variable of the process's environment; `None` if it is unset or empty.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the functions read their environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl TextSettings {
    /// Reads the settings with a lookup function such as [`environment`].
    ///
    /// # Errors
    /// Returns the variable that is missing.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Ok(Self { key_id: required(&get, "KEY_ID")? })
    }
}

impl AuthorizerSettings {
    /// Reads the settings with a lookup function such as [`environment`].
    ///
    /// # Errors
    /// Returns the variable that is missing or wrong.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Ok(Self {
            token_key_id: required(&get, "TOKEN_KEY_ID")?,
            expected: Expected {
                issuer: required(&get, "TOKEN_ISSUER")?,
                audience: required(&get, "TOKEN_AUDIENCE")?,
            },
            routes: RouteScopes::parse(&required(&get, "ROUTE_SCOPES")?)?,
        })
    }
}

fn required(get: impl Fn(&str) -> Option<String>, name: &'static str) -> Result<String, SettingsError> {
    get(name).ok_or(SettingsError::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_needed() {
        let names = ["TOKEN_KEY_ID", "TOKEN_ISSUER", "TOKEN_AUDIENCE", "ROUTE_SCOPES"];
        let value = |name: &str| Some(if name == "ROUTE_SCOPES" { "{}" } else { name }.to_owned());
        assert_eq!(AuthorizerSettings::read(value).unwrap().expected.issuer, "TOKEN_ISSUER");
        for missing in names {
            let get = |name: &str| if name == missing { None } else { value(name) };
            assert_eq!(AuthorizerSettings::read(get), Err(SettingsError::Missing(missing)));
        }
        assert_eq!(TextSettings::read(|_| None), Err(SettingsError::Missing("KEY_ID")));
        assert!(matches!(
            AuthorizerSettings::read(|_| Some("x".to_owned())),
            Err(SettingsError::RouteScopes(_))
        ));
    }
}
