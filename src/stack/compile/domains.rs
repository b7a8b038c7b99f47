//! Custom domain names.

use std::collections::BTreeMap;

use super::context::Context;
use super::values::is_word;
use crate::access::Arn;
use crate::kinds::domain::{Mapping, ROOT, Spec, Truststore};
use crate::kinds::{Kind, Name, api, ids};
use crate::stack::model::{Domain, DomainEndpoint, SecurityPolicy};

pub(super) fn compile(cx: &Context<'_>, apis: &BTreeMap<Name, api::Spec>) -> BTreeMap<Name, Spec> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (name, domain) in &cx.file.domains {
        let spec = spec(cx, apis, (name, domain));
        if let Some(other) = names.insert(spec.domain_name.clone(), name) {
            let problem = format!("`{name}` and `{other}` are the same domain, `{}`", spec.domain_name);
            cx.report(cx.about_key(&["domains", name], "duplicate", problem));
        }
        all.insert(Name::from(name.as_str()), spec);
    }
    all
}

fn spec(cx: &Context<'_>, apis: &BTreeMap<Name, api::Spec>, (name, domain): (&str, &Domain)) -> Spec {
    let Domain { name: domain_name, certificate, endpoint, security_policy, paths, truststore, tags } =
        domain;
    cx.check_name(&["domains", name], 128);
    let is_domain = domain_name.contains('.')
        && domain_name.len() <= 253
        && domain_name.split('.').enumerate().all(|(index, label)| {
            (index == 0 && label == "*")
                || is_word(label, "-", 63) && !label.starts_with('-') && !label.ends_with('-')
        })
        && !domain_name.chars().any(|c| c.is_ascii_uppercase());
    cx.require(
        is_domain,
        &["domains", name, "name"],
        "write a domain name in lowercase, such as `api.example.com`",
    );
    check_certificate(cx, name, domain, certificate);
    if let Some(store) = truststore {
        let object = store.uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        cx.require(
            object.is_some_and(|(bucket, key)| !bucket.is_empty() && !key.is_empty()),
            &["domains", name, "truststore", "uri"],
            "write `s3://BUCKET/KEY`",
        );
    }
    if paths.is_empty() {
        let problem = cx.about_key(
            &["domains", name, "paths"],
            "bad-value",
            format!("the domain `{name}` serves no API"),
        );
        cx.report(problem.help("write the API for the root of the domain: `paths: { /: API }`"));
    }
    Spec {
        domain_name: domain_name.clone(),
        endpoint: match endpoint {
            DomainEndpoint::Regional => "REGIONAL",
            DomainEndpoint::Edge => "EDGE",
        }
        .to_owned(),
        certificate: certificate.clone(),
        security_policy: match security_policy {
            SecurityPolicy::Tls12 => "TLS_1_2",
            SecurityPolicy::Tls10 => "TLS_1_0",
        }
        .to_owned(),
        truststore: truststore
            .as_ref()
            .map(|store| Truststore { uri: store.uri.clone(), version: store.version.clone() }),
        mappings: paths
            .iter()
            .filter_map(|(path, api)| mapping(cx, (name, path), (api, apis.get(&Name::from(api.as_str())))))
            .collect(),
        tags: cx.tags(&["domains", name], tags, Kind::Domain, name),
    }
}

/// Checks the certificate. Its place in the region can be seen in its ARN.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-custom-domains-prerequisites.html>
fn check_certificate(cx: &Context<'_>, name: &str, domain: &Domain, certificate: &str) {
    let at = ["domains", name, "certificate"];
    if ids::is_open(certificate) {
        return;
    }
    let Some(arn) = Arn::split(certificate).filter(|arn| arn.service == "acm") else {
        cx.require(false, &at, "the ARN of a certificate is `arn:aws:acm:REGION:ACCOUNT:certificate/ID`");
        return;
    };
    let region = match domain.endpoint {
        DomainEndpoint::Regional => cx.names.place.region.as_str(),
        DomainEndpoint::Edge => "us-east-1",
    };
    if arn.region != region {
        let there = arn.region;
        let problem = format!("the certificate is in {there}, and the domain takes one in {region}");
        cx.report(cx.about(&at, "bad-value", problem).help(format!("request a certificate in {region}")));
    }
}

/// Compiles one base path with its API.
fn mapping(
    cx: &Context<'_>,
    (name, path): (&str, &str),
    (api, wanted): (&str, Option<&api::Spec>),
) -> Option<(String, Mapping)> {
    let at = ["domains", name, "paths", path];
    let base_path = match path.strip_prefix('/') {
        Some("") => ROOT.to_owned(),
        Some(base) if base.split('/').all(|part| is_word(part, "-_.~", 300)) => base.to_owned(),
        _ => {
            let problem = cx.about_key(&at, "bad-name", format!("`{path}` is not a valid base path"));
            cx.report(
                problem.help("write `/` for the root of the domain, or `/` and letters, digits and `-_.~`"),
            );
            return None;
        }
    };
    if !cx.declared(&at, "apis", api) {
        return None;
    }
    let stage = wanted?.stage.stage_name.clone();
    Some((base_path, Mapping { api: ids::to(&format!("apis.{api}.id")), stage }))
}
