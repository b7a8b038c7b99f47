//! The clock of AWS, as its answers show it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;

use crate::aws::clients;

/// Remembers the date of the last answer, in seconds since 1970.
#[derive(Clone, Debug, Default)]
pub(super) struct ResponseClock(Arc<Mutex<Option<i64>>>);

impl ResponseClock {
    /// Returns how old something was when AWS answered: by its clock on both sides, for that of this machine may
    /// be minutes off.
    pub(super) fn age(&self, written: Option<&DateTime>) -> Duration {
        let age =
            written.and_then(|written| u64::try_from(self.seconds().saturating_sub(written.secs())).ok());
        Duration::from_secs(age.unwrap_or_default())
    }

    fn date(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since 1970; without a date in the answer, by the clock of this machine.
    #[expect(clippy::disallowed_methods, reason = "an AWS on this machine may give no date")]
    fn seconds(&self) -> i64 {
        self.date().unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or_default()
        })
    }
}

impl Intercept for ResponseClock {
    fn name(&self) -> &'static str {
        "clock of AWS"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clients::date(context.response());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_by_the_clock_of_aws_alone() {
        // By the clock of this machine it would be decades.
        let clock = ResponseClock(Arc::new(Mutex::new(Some(1_000))));
        assert_eq!(clock.age(Some(&DateTime::from_secs(940))), Duration::from_secs(60));
        // What was written after the answer was dated is new.
        assert_eq!(clock.age(Some(&DateTime::from_secs(1_001))), Duration::ZERO);
        assert_eq!(clock.age(None), Duration::ZERO);
    }
}
