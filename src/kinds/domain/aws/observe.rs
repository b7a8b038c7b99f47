//! Reads the custom domain names of a stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::operation::get_domain_name::GetDomainNameOutput;
use aws_sdk_apigateway::types::BasePathMapping;
use futures::stream::{self, StreamExt, TryStreamExt};
use futures::try_join;

use crate::aws::{Aws, AwsError};
use crate::kinds::aws::discover::{Discovered, denied};
use crate::kinds::aws::{Found, owned, owner};
use crate::kinds::domain::{Mapping, ROOT, Seen, Spec, Truststore};
use crate::kinds::{Kind, Name, ResourceId, Tags};
use crate::stack::desired::Desired;

/// Maximum number of domains read concurrently.
const AT_ONCE: usize = 4;

/// Reads every domain of the stack: those it wants, and those that carry its tags.
///
/// # Errors
/// Every error except access denied.
pub async fn observe(aws: &Aws, desired: &Desired, discovered: &Discovered) -> Result<Found<Seen>, AwsError> {
    let wanted: BTreeMap<&str, &Name> =
        desired.domains.iter().map(|(name, domain)| (domain.domain_name.as_str(), name)).collect();
    let mut all: BTreeSet<String> = wanted.keys().map(|name| (*name).to_owned()).collect();
    let tagged = discovered.tagged.iter().filter(|tagged| tagged.resource.kind == Kind::Domain);
    all.extend(tagged.map(|tagged| tagged.last_part().to_owned()));
    let reads = stream::iter(all).map(|name| async move {
        let read = denied(read(aws, &name)).await?;
        Ok::<_, AwsError>((name, read))
    });
    let reads: Vec<_> = reads.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut found = Found::default();
    for (domain_name, read) in reads {
        let wanted = wanted.get(domain_name.as_str()).map(|name| ResourceId::new(Kind::Domain, name));
        match read {
            Ok(Some(seen)) => match owned(desired, Kind::Domain, &seen.spec.tags) {
                Some(resource) => {
                    found.ids.set(format!("domains.{}.name", resource.name), &domain_name);
                    found.ids.set(format!("domains.{}.target", resource.name), &seen.target);
                    found.seen.insert(resource.name, seen);
                }
                None => {
                    let what = format!("the domain `{domain_name}` {}", owner(&seen.spec.tags));
                    found.foreign.extend(wanted.map(|wanted| (wanted, what)));
                }
            },
            Ok(None) => {}
            Err(reason) => found.unread.extend(wanted.map(|wanted| (wanted, reason))),
        }
    }
    Ok(found)
}

async fn read(aws: &Aws, name: &str) -> Result<Option<Seen>, AwsError> {
    let gateway = &aws.read.apigateway;
    let domain = async {
        let get = || gateway.get_domain_name().domain_name(name).send();
        match aws.call("apigateway:GetDomainName", get).await {
            Ok(domain) => Ok(Some(domain)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mappings = async {
        let list = || {
            gateway.get_base_path_mappings().domain_name(name).into_paginator().items().send().try_collect()
        };
        match aws.call("apigateway:GetBasePathMappings", list).await {
            Ok(mappings) => Ok(mappings),
            // `GetDomainName` decides whether the domain exists.
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    };
    let (domain, mappings) = try_join!(domain, denied(mappings))?;
    Ok(domain.map(|domain| seen(name, domain, mappings)))
}

/// Makes what is compared from the answers of API Gateway.
fn seen(name: &str, domain: GetDomainNameOutput, mappings: Result<Vec<BasePathMapping>, String>) -> Seen {
    let types = domain.endpoint_configuration.and_then(|endpoint| endpoint.types).unwrap_or_default();
    let is_regional = types.iter().any(|kind| kind.as_str() == "REGIONAL");
    let (certificate, target) = match is_regional {
        true => (domain.regional_certificate_arn, domain.regional_domain_name),
        false => (domain.certificate_arn, domain.distribution_domain_name),
    };
    let truststore = domain.mutual_tls_authentication.and_then(|tls| {
        let uri = tls.truststore_uri.filter(|uri| !uri.is_empty())?;
        Some(Truststore { uri, version: tls.truststore_version.filter(|version| !version.is_empty()) })
    });
    let mut unread = BTreeMap::new();
    let mappings = mappings.unwrap_or_else(|reason| {
        unread.insert("paths".to_owned(), reason);
        Vec::new()
    });
    let mapping = |mapping: BasePathMapping| {
        let path = mapping.base_path.filter(|path| !path.is_empty()).unwrap_or_else(|| ROOT.to_owned());
        let (api, stage) = (mapping.rest_api_id.unwrap_or_default(), mapping.stage.unwrap_or_default());
        (path, Mapping { api, stage })
    };
    let tags: Tags = domain.tags.unwrap_or_default().into_iter().collect();
    let spec = Spec {
        domain_name: name.to_owned(),
        endpoint: if is_regional { "REGIONAL" } else { "EDGE" }.to_owned(),
        certificate: certificate.unwrap_or_default(),
        security_policy: domain
            .security_policy
            .map_or_else(|| "TLS_1_2".to_owned(), |policy| policy.as_str().to_owned()),
        truststore,
        mappings: mappings.into_iter().map(mapping).collect(),
        tags,
    };
    Seen { target: target.unwrap_or_default(), spec, unread }
}

#[cfg(test)]
mod tests {
    use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType, MutualTlsAuthentication};

    use super::*;

    #[test]
    fn an_answer_is_read_by_its_endpoint_and_the_root_has_a_name() {
        let domain = |kind: EndpointType| {
            GetDomainNameOutput::builder()
                .regional_certificate_arn("regional")
                .certificate_arn("edge")
                .regional_domain_name("d-1.execute-api.eu-west-1.amazonaws.com")
                .distribution_domain_name("d1.cloudfront.net")
                .endpoint_configuration(EndpointConfiguration::builder().types(kind).build())
                .mutual_tls_authentication(MutualTlsAuthentication::builder().build())
                .build()
        };
        let mapping = BasePathMapping::builder().rest_api_id("a1").stage("v1").build();
        let regional = seen("x", domain(EndpointType::Regional), Ok(vec![mapping]));
        assert_eq!(regional.target, "d-1.execute-api.eu-west-1.amazonaws.com");
        assert_eq!(
            (regional.spec.certificate.as_str(), regional.spec.endpoint.as_str()),
            ("regional", "REGIONAL")
        );
        assert_eq!(regional.spec.truststore, None);
        assert_eq!(regional.spec.mappings.keys().collect::<Vec<_>>(), [ROOT]);
        let edge = seen("x", domain(EndpointType::Edge), Err("denied".to_owned()));
        assert_eq!((edge.target.as_str(), edge.spec.certificate.as_str()), ("d1.cloudfront.net", "edge"));
        assert_eq!(edge.unread["paths"], "denied");
    }
}
