//! Distinguishes a complete answer from a truncated one: data that was cut off is not absent.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::error::{AwsError, ErrorKind};

/// Refuses XML that is not closed. The SDK reads such XML up to its end, so that a list of policies would be shorter
/// than it is. Truncated JSON is an error by itself, unless nothing is left of it.
#[derive(Debug)]
pub(crate) struct CompleteResponse {
    /// Whether the calls are reads: AWS answers every read with a body that is not empty.
    pub reads: bool,
}

impl Intercept for CompleteResponse {
    fn name(&self) -> &'static str {
        "whole answers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The answer of a function is not checked.
        if config.load::<Metadata>().is_some_and(|operation| operation.name() == "Invoke") {
            return Ok(());
        }
        let response = context.response();
        // The status of a failed call is enough, and a proxy may answer with HTML.
        if response.status().as_u16() >= 400 {
            return Ok(());
        }
        let Some(body) = response.body().bytes() else { return Ok(()) };
        let nothing = self.reads && response.status().is_success() && body.trim_ascii().is_empty();
        if nothing || !is_closed(body) { Err("the answer of AWS breaks off".into()) } else { Ok(()) }
    }
}

/// Returns whether the text ends with the element that it begins with; true for a text that is not XML.
fn is_closed(body: &[u8]) -> bool {
    let mut rest = body.trim_ascii();
    // `<?xml version="1.0"?>`
    while rest.starts_with(b"<?") {
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return false };
        rest = rest.get(end + 1..).unwrap_or_default().trim_ascii_start();
    }
    let Some(root) = rest.strip_prefix(b"<") else { return true };
    let name = root.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/')).next();
    let closed = rest.strip_suffix(b">").map(<[u8]>::trim_ascii_end);
    let Some((name, closed)) = name.zip(closed) else { return false };
    let named = closed.strip_suffix(name).is_some_and(|before| before.ends_with(b"</"));
    let empty = closed.ends_with(b"/") && !closed.contains(&b'>');
    !name.is_empty() && (named || empty)
}

/// Returns a value that an answer must contain.
///
/// # Errors
/// The answer does not contain it.
pub(crate) fn held<T>(operation: &str, what: Option<T>) -> Result<T, AwsError> {
    what.ok_or_else(|| {
        AwsError::new(operation, ErrorKind::Invalid, "the answer of AWS is not whole").with_hint(
            "run the command again; check what answers at AWS_ENDPOINT_URL, and any proxy on the way",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_document_is_whole() {
        for whole in [
            "",
            "{}",
            "{",
            "<a/>",
            "<a x='1'/>\n",
            "<?xml version='1.0'?>\n<a x='1'><b></b></a >",
            "<a>b</a>",
        ] {
            assert!(is_closed(whole.as_bytes()), "{whole}");
        }
        for cut in
            ["<", "<a", "<a>", "<a><b></b>", "<a><b/>", "<a></", "<a></a", "<?xml", "<?xml?><a>", "<ab></b>"]
        {
            assert!(!is_closed(cut.as_bytes()), "{cut}");
        }
    }
}
