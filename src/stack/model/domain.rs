//! Custom domain names in a stack file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Tags;

/// A custom domain name of APIs. DNS has to point to `${domains.NAME.target}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The domain name. Cannot be changed later.
    #[schemars(example = &"api.example.com")]
    pub name: String,
    /// ARN of its certificate: in the region of the stack, or in us-east-1 for `EDGE`.
    #[schemars(example = &"arn:aws:acm:eu-west-1:111122223333:certificate/12345678-1234-1234-1234-123456789012")]
    pub certificate: String,
    /// `REGIONAL` by default. Cannot be changed later.
    #[serde(default)]
    pub endpoint: DomainEndpoint,
    /// The oldest version of TLS that clients may use; `TLS_1_2` by default.
    #[serde(default)]
    pub security_policy: SecurityPolicy,
    /// The APIs by base path; `/` is the root of the domain.
    #[schemars(example = json!({"/": "text"}))]
    pub paths: BTreeMap<String, String>,
    /// Certificates that clients are checked against (mutual TLS).
    pub truststore: Option<Truststore>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Where clients reach a domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum DomainEndpoint {
    /// In the region of the stack.
    #[default]
    #[serde(rename = "REGIONAL")]
    Regional,
    /// By CloudFront.
    #[serde(rename = "EDGE")]
    Edge,
}

/// The oldest version of TLS that clients may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SecurityPolicy {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "TLS_1_2")]
    Tls12,
    /// TLS 1.0.
    #[serde(rename = "TLS_1_0")]
    Tls10,
}

/// Certificates that clients are checked against.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Truststore {
    /// `s3://BUCKET/KEY` of the file.
    #[schemars(example = &"s3://acme-trust/clients.pem")]
    pub uri: String,
    /// Version of the object; the latest by default.
    pub version: Option<String>,
}
