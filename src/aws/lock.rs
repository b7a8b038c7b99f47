//! The log that a lock is kept in, as a parameter of SSM.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ssm::types::ParameterType;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use super::clients::Aws;
use super::error::{AwsError, ErrorKind};
use super::whole::held;
use crate::lock::{Answer, Call, Entry, Found, Turn, Verdict};

/// A log with numbered entries.
pub trait Log {
    /// Makes one call.
    fn make(&self, call: &Call) -> impl Future<Output = Result<Answer, AwsError>> + Send;
}

/// Plays a turn to its end.
///
/// # Errors
/// What AWS refuses, and reads without an answer.
pub async fn play(log: &impl Log, mut turn: Turn) -> Result<Verdict, AwsError> {
    loop {
        let answer = match log.make(&turn.call()).await {
            Ok(answer) => answer,
            // A write that may have been carried out: the turn looks at what is there.
            Err(error)
                if matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Transient)
                    && !matches!(turn.call(), Call::Newest | Call::Version(_)) =>
            {
                Answer::Lost
            }
            Err(error) => return Err(error),
        };
        if let Some(verdict) = turn.answer(answer) {
            return Ok(verdict);
        }
    }
}

/// A parameter by name.
#[derive(Clone)]
pub struct Parameter {
    /// The connection.
    pub aws: Arc<Aws>,
    /// Name, with its path.
    pub name: String,
}

impl Log for Parameter {
    async fn make(&self, call: &Call) -> Result<Answer, AwsError> {
        match call {
            Call::Newest => self.read(&self.name).await,
            Call::Version(version) => self.read(&format!("{}:{version}", self.name)).await,
            Call::Create(entry) => self.put(entry, false).await,
            Call::Append(entry) => self.put(entry, true).await,
            Call::Delete => self.delete().await,
        }
    }
}

impl Parameter {
    async fn read(&self, name: &str) -> Result<Answer, AwsError> {
        let date = AnswerDate::default();
        let get = || {
            let call = self.aws.read.ssm.get_parameter().name(name);
            call.customize().interceptor(date.clone()).send()
        };
        let parameter = match self.aws.call("ssm:GetParameter", get).await {
            Ok(answer) => held("ssm:GetParameter", answer.parameter)?,
            Err(error) if error.is_not_found() => return Ok(Answer::Absent),
            Err(error) => return Err(error),
        };
        let version = u64::try_from(parameter.version).unwrap_or_default();
        let entry = parameter.value().and_then(Entry::parse);
        // By AWS's clock on both sides: that of this machine may be minutes off.
        let written = parameter.last_modified_date().map(DateTime::secs);
        let age = written.and_then(|written| u64::try_from(date.seconds().saturating_sub(written)).ok());
        let age = Duration::from_secs(age.unwrap_or_default());
        Ok(Answer::Found(Box::new(Found { version, entry, age })))
    }

    async fn put(&self, entry: &Entry, overwrite: bool) -> Result<Answer, AwsError> {
        let value = entry.to_json();
        let put = || {
            let call = self.aws.write.ssm.put_parameter().name(&self.name).r#type(ParameterType::String);
            call.description("lock of a lockstep environment").value(&value).overwrite(overwrite).send()
        };
        match self.aws.call("ssm:PutParameter", put).await {
            Ok(answer) => Ok(Answer::Written(u64::try_from(answer.version).unwrap_or_default())),
            Err(error) if error.has_code("ParameterAlreadyExists") => Ok(Answer::Exists),
            Err(error) => Err(error),
        }
    }

    /// Deletes the parameter by one call: a second might come when somebody else has the lock.
    async fn delete(&self) -> Result<Answer, AwsError> {
        match self.aws.write.ssm.delete_parameter().name(&self.name).send().await {
            Ok(_) => Ok(Answer::Deleted),
            Err(error) => match AwsError::from_sdk("ssm:DeleteParameter", error) {
                error if error.is_not_found() => Ok(Answer::Absent),
                // It costs nothing, and whoever may not delete it lets go of it as usual.
                _ => Ok(Answer::Lost),
            },
        }
    }
}

/// Remembers the date of an answer.
#[derive(Clone, Debug, Default)]
struct AnswerDate(Arc<Mutex<Option<i64>>>);

impl AnswerDate {
    /// Seconds since 1970; without a date in the answer, by the clock of this machine.
    #[expect(clippy::disallowed_methods, reason = "an AWS on this machine may give no date")]
    fn seconds(&self) -> i64 {
        let told = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or_default()
        })
    }
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "date of the answer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(|date| date.secs());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Holder, Intent};

    /// A log whose writes come to pass and are never answered.
    #[derive(Default)]
    struct Silent(Mutex<Vec<Entry>>);

    impl Log for Silent {
        async fn make(&self, call: &Call) -> Result<Answer, AwsError> {
            let mut entries = self.0.lock().unwrap();
            let version = match call {
                Call::Newest => entries.len(),
                Call::Version(version) => usize::try_from(*version).unwrap(),
                Call::Create(entry) | Call::Append(entry) => {
                    entries.push(entry.clone());
                    return Err(AwsError::new("ssm:PutParameter", ErrorKind::Unknown, "no answer"));
                }
                Call::Delete => return Err(AwsError::new("ssm:DeleteParameter", ErrorKind::Denied, "no")),
            };
            let Some(entry) = version.checked_sub(1).map(|place| entries[place].clone()) else {
                return Ok(Answer::Absent);
            };
            let version = u64::try_from(version).unwrap();
            Ok(Answer::Found(Box::new(Found { version, entry: Some(entry), age: Duration::ZERO })))
        }
    }

    #[tokio::test]
    async fn a_write_without_an_answer_is_looked_for() {
        let log = Silent::default();
        let me = Holder { session: "a".to_owned(), ..Holder::default() };
        let turn = |intent, serial| Turn::new(intent, me.clone(), serial);
        let verdict = play(&log, turn(Intent::Take { gone: None }, 0)).await.unwrap();
        assert_eq!((verdict, log.0.lock().unwrap().len()), (Verdict::Held(None), 1));
        let verdict = play(&log, turn(Intent::Keep, 50)).await.unwrap();
        assert_eq!((verdict, log.0.lock().unwrap().len()), (Verdict::Held(None), 2));
        let verdict = play(&log, turn(Intent::Leave, 100)).await.unwrap();
        assert!(matches!(verdict, Verdict::Free(Some(_))));
        assert!(!log.0.lock().unwrap()[2].held);
        // What is refused is no lost answer.
        play(&log, turn(Intent::Take { gone: None }, 200)).await.unwrap();
        let refused = play(&log, turn(Intent::Remove, 300)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied);
    }
}
