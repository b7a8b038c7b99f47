//! Conditional changes of functions and aliases: a change succeeds only if the resource is unchanged since it was read.

use super::{Answer, Operation, Request, Strict};

/// Operations that may carry the revision of a function, and below, those of an alias.
const OF_FUNCTIONS: &[&str] =
    &["lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode", "lambda:PublishVersion"];
const OF_ALIASES: &[&str] = &["lambda:UpdateAlias"];

impl Strict {
    /// Refuses a change of a resource that has changed since it was read. The emulator does so for most of these calls.
    pub(super) async fn revision_refusal(
        &self,
        request: &Request,
        operation: &Operation,
    ) -> Option<(&'static str, Answer)> {
        const CODE: &str = "PreconditionFailedException";
        let body = request.json();
        let expected = body["RevisionId"].as_str()?;
        let (lambda, name) = (&self.sdk.lambda, operation.name.as_str());
        let revision = if OF_FUNCTIONS.contains(&name) {
            let get = lambda.get_function_configuration().function_name(operation.arg(0));
            get.send().await.ok()?.revision_id
        } else if OF_ALIASES.contains(&name) {
            let get = lambda.get_alias().function_name(operation.arg(0)).name(operation.arg(1));
            get.send().await.ok()?.revision_id
        } else {
            return None;
        };
        if revision.as_deref() == Some(expected) {
            return None;
        }
        let message = "The RevisionId provided does not match the latest RevisionId for the Lambda function or \
                       alias. Call the GetFunction or the GetAlias API to retrieve the latest RevisionId for your \
                       resource.";
        Some((CODE, Answer::refusal(412, CODE, message)))
    }
}
