//! Hints that say what to do next about an error of AWS.

use super::error::ErrorKind;

/// The operations, an error code, a part of its message, and what to do.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// The first row that matches counts; an empty text matches everything.
static ROWS: &[Row] = &[
    (
        "kms:",
        "MalformedPolicyDocumentException",
        "update the key policy in the future",
        "the new key policy locks you out: list the principal that runs this under `administrators` of the key",
    ),
    (
        "kms:",
        "MalformedPolicyDocumentException",
        "invalid principals",
        "every principal must exist, roles of other accounts and service-linked roles included",
    ),
    (
        "kms:",
        "AccessDeniedException",
        "resource-based policy",
        "the key policy does not name the principal that runs this: list it under `administrators` of the key",
    ),
    (
        "kms:",
        "LimitExceededException",
        "",
        "a key policy has at most 32768 bytes and a key at most 50 aliases; otherwise ask AWS for a higher quota",
    ),
    ("kms:", "AlreadyExistsException", "", "take another alias, or move this one away from its key"),
    ("kms:", "DisabledException", "", "enable the key first"),
    (
        "kms:",
        "KMSInvalidStateException",
        "pending deletion",
        "cancel the deletion with `aws kms cancel-key-deletion`, then run this again",
    ),
    ("kms:", "ConflictException", "", "a rotation is running or due: try again in 20 minutes"),
    ("kms:", "UnsupportedOperationException", "", "this is not possible for a key of this spec or origin"),
    ("iam:", "NoSuchEntity", "policy", "name a policy that exists"),
    ("iam:", "EntityAlreadyExists", "", "give the role another name, or delete the one that is there"),
    ("iam:", "LimitExceeded", "", "ask AWS for a higher quota, or remove what is not used"),
    ("iam:", "DeleteConflict", "", "detach what is left on the role, instance profiles included"),
    ("iam:", "UnmodifiableEntity", "", "the role belongs to an AWS service: leave it out of the stack"),
    ("iam:", "MalformedPolicyDocument", "invalid principal", "every principal of a trust policy must exist"),
    (
        "lambda:",
        "ResourceConflictException",
        "exist",
        "give the function another name, or delete the one there",
    ),
    ("lambda:", "PreconditionFailedException", "", "the function was changed since the plan: plan again"),
    ("lambda:", "CodeStorageExceededException", "", "delete old versions of functions"),
    ("lambda:", "PolicyLengthExceededException", "", "use one wildcard source per API"),
    ("lambda:", "RequestTooLargeException", "", "make the archive smaller than 50 MB"),
    ("lambda:", "RequestEntityTooLargeException", "", "make the archive smaller than 50 MB"),
    ("lambda:", "InvalidParameterValueException", "assumed", "let lambda.amazonaws.com assume the role"),
    ("apigateway:", "ConflictException", "", "somebody else is changing the API: run this again"),
    (
        "ssm:",
        "AccessDeniedException",
        "",
        "the lock is kept in a parameter: allow `ssm:GetParameter`, `ssm:PutParameter` and `ssm:DeleteParameter` on \
         `parameter/lockstep/*`, or add --no-lock where nothing else can change this environment meanwhile",
    ),
    ("logs:", "ResourceAlreadyExistsException", "", "name the log group otherwise, or delete the one there"),
];

/// Returns what to do next.
pub(crate) fn of(operation: &str, kind: ErrorKind, code: Option<&str>, message: &str) -> Option<String> {
    let message = message.to_ascii_lowercase();
    let row = ROWS.iter().find(|(service, row_code, says, _)| {
        operation.starts_with(service) && code == Some(*row_code) && message.contains(says)
    });
    if let Some((.., todo)) = row {
        return Some((*todo).to_owned());
    }
    let todo = match kind {
        ErrorKind::Denied => {
            return Some(format!("allow `{}` for the principal that runs this", action(operation)));
        }
        ErrorKind::Credentials if message.contains("expired") => "get new credentials, then run this again",
        ErrorKind::Credentials => "check credentials, profile and clock of this machine",
        ErrorKind::NotFound => "it was deleted outside the stack: plan again",
        ErrorKind::Throttled => "try again later; AWS limits this call for the whole account",
        ErrorKind::Transient => "try again later; AWS failed on its side",
        ErrorKind::Unknown => "check the network, then run this again: it goes on from here",
        ErrorKind::Timeout | ErrorKind::Halted => "run this again: it goes on from here",
        ErrorKind::Conflict | ErrorKind::Invalid => return None,
    };
    Some(todo.to_owned())
}

/// Returns the IAM action of an operation: API Gateway has one action per HTTP verb instead of one per operation.
pub(crate) fn action(operation: &str) -> &str {
    let Some(name) = operation.strip_prefix("apigateway:") else { return operation };
    let verbs = [
        ("Get", "apigateway:GET"),
        ("Create", "apigateway:POST"),
        ("Put", "apigateway:PUT"),
        ("Tag", "apigateway:PUT"),
        ("Update", "apigateway:PATCH"),
        ("Delete", "apigateway:DELETE"),
        ("Untag", "apigateway:DELETE"),
        ("Flush", "apigateway:DELETE"),
    ];
    verbs.iter().find(|(verb, _)| name.starts_with(verb)).map_or(operation, |(_, action)| action)
}
