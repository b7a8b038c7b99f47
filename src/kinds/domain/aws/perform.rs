//! Performs operations on custom domain names.

use aws_sdk_apigateway::types::{
    DomainNameStatus, EndpointConfiguration, EndpointType, MutualTlsAuthenticationInput, Op as PatchOp,
    PatchOperation, SecurityPolicy,
};

use crate::aws::{Aws, AwsError, Pace};
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::domain::{Op, ROOT, Spec, Truststore};
use crate::kinds::{Ids, Name};

/// How long a change of a domain may take: a certificate is deployed to the servers of the region, or of the world.
const AVAILABLE: Pace = Pace::seconds(2, 600);

/// Performs one operation on a domain.
///
/// # Errors
/// Errors of AWS, and a change that does not come into effect in time.
pub async fn perform(aws: &Aws, name: &Name, op: &Op, ids: &Ids) -> Result<Ids, AwsError> {
    let domain = &domain_name(name, op, ids)?;
    let gateway = &aws.write.apigateway;
    match op {
        Op::Create { spec } => return create(aws, name, spec).await,
        Op::Update { from, to } => {
            let patches = patches(from, to);
            let send = || {
                let request = gateway.update_domain_name().domain_name(domain);
                request.set_patch_operations(Some(patches.clone())).send()
            };
            aws.call("apigateway:UpdateDomainName", send).await?;
            available(aws, domain).await?;
        }
        Op::Map { path, mapping } => {
            let base_path = (path != ROOT).then(|| path.clone());
            let send = || {
                let request =
                    gateway.create_base_path_mapping().domain_name(domain).rest_api_id(&mapping.api);
                request.stage(&mapping.stage).set_base_path(base_path.clone()).send()
            };
            match aws.call("apigateway:CreateBasePathMapping", send).await {
                // The answer to an earlier attempt was lost; a mapping to another stage is changed by the next plan.
                Err(error) if error.has_code("ConflictException") => {
                    let get = || {
                        aws.read.apigateway.get_base_path_mapping().domain_name(domain).base_path(path).send()
                    };
                    let has = aws.call("apigateway:GetBasePathMapping", get).await?;
                    if has.rest_api_id() != Some(&mapping.api) || has.stage() != Some(&mapping.stage) {
                        return Err(error);
                    }
                }
                answer => drop(answer?),
            }
        }
        Op::Remap { path, mapping } => {
            let patches = vec![replace("/restapiId", &mapping.api), replace("/stage", &mapping.stage)];
            let send = || {
                let request = gateway.update_base_path_mapping().domain_name(domain).base_path(path);
                request.set_patch_operations(Some(patches.clone())).send()
            };
            aws.call("apigateway:UpdateBasePathMapping", send).await?;
        }
        Op::Unmap { path } => {
            let send = || gateway.delete_base_path_mapping().domain_name(domain).base_path(path).send();
            done_if_absent(aws.call("apigateway:DeleteBasePathMapping", send).await)?;
        }
        Op::Tag { tags } => {
            let arn = arn(aws, domain).await?;
            let send = || {
                let tags = tags.clone().into_iter().collect();
                gateway.tag_resource().resource_arn(&arn).set_tags(Some(tags)).send()
            };
            aws.call("apigateway:TagResource", send).await?;
        }
        Op::Untag { keys } => {
            let arn = arn(aws, domain).await?;
            let keys: Vec<String> = keys.iter().cloned().collect();
            let send = || gateway.untag_resource().resource_arn(&arn).set_tag_keys(Some(keys.clone())).send();
            aws.call("apigateway:UntagResource", send).await?;
        }
        Op::Delete => {
            let send = || gateway.delete_domain_name().domain_name(domain).send();
            done_if_absent(aws.call("apigateway:DeleteDomainName", send).await)?;
        }
    }
    Ok(Ids::default())
}

/// Returns the domain name: an argument of the creation, an ID for every other operation.
fn domain_name(name: &Name, op: &Op, ids: &Ids) -> Result<String, AwsError> {
    match op {
        Op::Create { spec } => Ok(spec.domain_name.clone()),
        _ => known(ids, &format!("domains.{name}.name")),
    }
}

async fn arn(aws: &Aws, domain: &str) -> Result<String, AwsError> {
    let partition = &aws.identity().await?.partition;
    Ok(format!("arn:{partition}:apigateway:{}::/domainnames/{domain}", aws.region))
}

async fn create(aws: &Aws, name: &Name, spec: &Spec) -> Result<Ids, AwsError> {
    let Spec { domain_name, endpoint, certificate, security_policy, truststore, mappings: _, tags } = spec;
    let is_regional = endpoint == "REGIONAL";
    let endpoint = if is_regional { EndpointType::Regional } else { EndpointType::Edge };
    let endpoint = EndpointConfiguration::builder().types(endpoint).build();
    let tls = truststore.as_ref().map(|Truststore { uri, version }| {
        let input = MutualTlsAuthenticationInput::builder().truststore_uri(uri);
        input.set_truststore_version(version.clone()).build()
    });
    let send = || {
        let request = aws.write.apigateway.create_domain_name().domain_name(domain_name);
        let request = match is_regional {
            true => request.regional_certificate_arn(certificate),
            false => request.certificate_arn(certificate),
        };
        request
            .endpoint_configuration(endpoint.clone())
            .security_policy(SecurityPolicy::from(security_policy.as_str()))
            .set_mutual_tls_authentication(tls.clone())
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
    };
    match aws.call("apigateway:CreateDomainName", send).await {
        // The answer to an earlier attempt was lost: the domain is the one that was asked for.
        Err(error) if error.has_code("ConflictException") => {
            let get = || aws.read.apigateway.get_domain_name().domain_name(domain_name).send();
            let has = aws.call("apigateway:GetDomainName", get).await?;
            if has.tags.unwrap_or_default().into_iter().collect::<crate::kinds::Tags>() != *tags {
                return Err(error);
            }
        }
        answer => drop(answer?),
    }
    let target = available(aws, domain_name).await?;
    let mut ids = Ids::default();
    ids.set(format!("domains.{name}.name"), domain_name);
    ids.set(format!("domains.{name}.target"), target);
    Ok(ids)
}

/// Waits until a domain is available, and returns the name that DNS must point to.
async fn available(aws: &Aws, domain: &str) -> Result<String, AwsError> {
    let get = || aws.read.apigateway.get_domain_name().domain_name(domain).send();
    let look = || async {
        let has = aws.call("apigateway:GetDomainName", get).await?;
        let waits =
            matches!(has.domain_name_status, Some(DomainNameStatus::Updating | DomainNameStatus::Pending));
        let types = has.endpoint_configuration.and_then(|endpoint| endpoint.types).unwrap_or_default();
        let target = match types.contains(&EndpointType::Edge) {
            true => has.distribution_domain_name,
            false => has.regional_domain_name,
        };
        Ok((!waits).then(|| target.unwrap_or_default()))
    };
    aws.until(&format!("the domain `{domain}` is available"), AVAILABLE, look).await
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder().op(PatchOp::Replace).path(path).value(value).build()
}

/// Lists the changes between two states of a domain. Without a truststore an empty URI turns mutual TLS off.
/// <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html#UpdateDomainName-Patch>
fn patches(from: &Spec, to: &Spec) -> Vec<PatchOperation> {
    let mut patches = Vec::new();
    if from.certificate != to.certificate {
        let path = if to.endpoint == "REGIONAL" { "/regionalCertificateArn" } else { "/certificateArn" };
        patches.push(replace(path, &to.certificate));
    }
    if from.security_policy != to.security_policy {
        patches.push(replace("/securityPolicy", &to.security_policy));
    }
    if from.truststore != to.truststore {
        let (uri, version) =
            to.truststore.as_ref().map_or(("", None), |store| (&store.uri, store.version.as_ref()));
        patches.push(replace("/mutualTlsAuthentication/truststoreUri", uri));
        if let Some(version) = version {
            patches.push(replace("/mutualTlsAuthentication/truststoreVersion", version));
        }
    }
    patches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            domain_name: "api.example.com".to_owned(),
            endpoint: "REGIONAL".to_owned(),
            certificate: "one".to_owned(),
            security_policy: "TLS_1_0".to_owned(),
            truststore: None,
            mappings: Default::default(),
            tags: Default::default(),
        }
    }

    #[test]
    fn only_what_differs_is_patched() {
        let store = |version: Option<&str>| Truststore {
            uri: "s3://b/k".to_owned(),
            version: version.map(str::to_owned),
        };
        let to = Spec {
            certificate: "two".to_owned(),
            security_policy: "TLS_1_2".to_owned(),
            truststore: Some(store(Some("7"))),
            ..spec()
        };
        let text = |from: &Spec, to: &Spec| {
            let patches = patches(from, to).into_iter();
            patches.map(|one| (one.path.unwrap(), one.value.unwrap())).collect::<Vec<_>>()
        };
        let pair = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        assert_eq!(
            text(&spec(), &to),
            [
                pair("/regionalCertificateArn", "two"),
                pair("/securityPolicy", "TLS_1_2"),
                pair("/mutualTlsAuthentication/truststoreUri", "s3://b/k"),
                pair("/mutualTlsAuthentication/truststoreVersion", "7"),
            ]
        );
        let without = Spec { truststore: None, ..to.clone() };
        assert_eq!(text(&to, &without), [pair("/mutualTlsAuthentication/truststoreUri", "")]);
        let edge = |certificate: &str| Spec {
            endpoint: "EDGE".to_owned(),
            certificate: certificate.to_owned(),
            ..spec()
        };
        assert_eq!(text(&edge("a"), &edge("b")), [pair("/certificateArn", "b")]);
        assert!(patches(&to, &to).is_empty());
    }
}
