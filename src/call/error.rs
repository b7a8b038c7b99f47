//! The errors of calling a stack, and how to fix them.

use std::collections::BTreeSet;

use super::Route;
use crate::aws::AwsError;
use crate::kinds::Name;

/// A failure to call a stack.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The stack has no such API.
    #[error("the stack has no API `{api}`")]
    NoApi {
        /// The API.
        api: Name,
        /// The ones that exist.
        known: BTreeSet<Name>,
    },
    /// The API has no such route.
    #[error("the API `{}` has no route `{route}`", route.api)]
    NoRoute {
        /// The route.
        route: Route,
        /// The ones that exist.
        known: Vec<String>,
    },
    /// The API has no stage yet.
    #[error("the API `{api}` has no address yet")]
    NotDeployed {
        /// The API.
        api: Name,
    },
    /// The route requires something other than a token that lockstep can mint.
    #[error("lockstep cannot make what `{route}` asks for: {reason}")]
    OtherToken {
        /// The route.
        route: Route,
        /// The requirement that lockstep cannot meet.
        reason: String,
    },
    /// The key that signs tokens does not exist yet.
    #[error("the key that signs the tokens does not exist yet")]
    NoTokenKey,
    /// KMS returned something other than a signature on P-256.
    #[error("the answer of kms:Sign is no ECDSA signature on P-256: {reason}")]
    Signature {
        /// The problem.
        reason: &'static str,
    },
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A request cannot be sent as it is.
    #[error("the request cannot be sent: {reason}")]
    Request {
        /// The problem.
        reason: String,
    },
    /// There was no answer.
    #[error("no answer from `{url}`")]
    NoAnswer {
        /// The URL of the request.
        url: String,
        /// The underlying error.
        source: reqwest::Error,
    },
    /// The HTTP client cannot be created.
    #[error("cannot set up HTTPS")]
    Https(#[source] reqwest::Error),
    /// A step of a probe uses a field that the previous answer does not have.
    #[error("the answer has no field `{field}`")]
    NoField {
        /// The field, with dots between its parts.
        field: String,
    },
    /// A probe that invokes a function has a `then` with requests to routes, but no API for them.
    #[error("a probe that invokes the function has no API for its `then`")]
    NoApiForSteps,
}

impl CallError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoApi { known, .. } => {
                format!("the stack has {}", list(known.iter().map(Name::as_str)))
            }
            Self::NoRoute { known, .. } => {
                format!("the API has {}", list(known.iter().map(String::as_str)))
            }
            Self::NotDeployed { .. } | Self::NoTokenKey => "run `lockstep apply` first".to_owned(),
            Self::OtherToken { .. } => {
                "give the token yourself with `--token TOKEN`, or any header with `--header 'NAME: VALUE'`"
                    .to_owned()
            }
            Self::Signature { .. } => "give the key that signs tokens the spec ECC_NIST_P256".to_owned(),
            Self::Aws(error) => return error.hint().map(str::to_owned),
            Self::NoAnswer { source, .. } if source.is_timeout() => {
                "API Gateway answers within 29 s: look at the network in between".to_owned()
            }
            Self::NoAnswer { .. } => {
                "check that the address is right and that this machine reaches it".to_owned()
            }
            Self::NoApiForSteps => "give the probe a `route`".to_owned(),
            Self::NoField { .. } => "name a field of the JSON answer, as `${answer.FIELD}`".to_owned(),
            Self::Request { .. } | Self::Https(_) => return None,
        };
        Some(hint)
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
