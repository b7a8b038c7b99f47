//! Reads the grants on a key.

use std::collections::BTreeMap;

use aws_sdk_kms::types::{GrantConstraints, GrantListEntry};

use crate::access::{Constraints, Grant, Readable};
use crate::aws::{Aws, AwsError};
use crate::kinds::aws::discover::denied;

/// Reads every grant on a key, including those that AWS services created. Changes nothing.
///
/// # Errors
/// Every error except access denied, which makes the grants unknown.
pub async fn grants(aws: &Aws, key: &str) -> Result<Readable<Vec<Grant>>, AwsError> {
    let pages = aws.call("kms:ListGrants", || {
        aws.read.kms.list_grants().key_id(key).into_paginator().items().send().try_collect()
    });
    let entries: Result<Vec<GrantListEntry>, String> = denied(pages).await?;
    Ok(match entries {
        Ok(entries) => Readable::Known(entries.into_iter().map(grant).collect()),
        Err(why) => Readable::unknown(why),
    })
}

fn grant(entry: GrantListEntry) -> Grant {
    let (grantee, retiring) = (service(entry.grantee_principal), service(entry.retiring_principal));
    Grant {
        grant_id: entry.grant_id.unwrap_or_default(),
        grantee_principal: grantee.0,
        grantee_service_principal: grantee.1,
        retiring_principal: retiring.0,
        retiring_service_principal: retiring.1,
        issuing_account: entry.issuing_account,
        operations: entry
            .operations
            .unwrap_or_default()
            .into_iter()
            .map(|operation| operation.as_str().to_owned())
            .collect(),
        constraints: entry.constraints.map(constraints).unwrap_or_default(),
    }
}

/// Distinguishes a service from a principal with an ARN or a unique id: KMS returns both in the same field.
fn service(text: Option<String>) -> (Option<String>, Option<String>) {
    match text {
        Some(text) if text.contains('.') && !text.contains(':') => (None, Some(text)),
        other => (other, None),
    }
}

fn constraints(constraints: GrantConstraints) -> Constraints {
    let pairs = |pairs: std::collections::HashMap<String, String>| -> BTreeMap<String, String> {
        pairs.into_iter().collect()
    };
    Constraints {
        encryption_context_equals: constraints.encryption_context_equals.map(pairs),
        encryption_context_subset: constraints.encryption_context_subset.map(pairs),
        source_arn: constraints.source_arn,
    }
}
