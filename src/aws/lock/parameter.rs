//! A lock in a parameter of SSM, which is a log.

use std::sync::Arc;

use aws_sdk_ssm::types::ParameterType;

use super::clock::ResponseClock;
use crate::aws::clients::Aws;
use crate::aws::complete::held;
use crate::aws::error::AwsError;
use crate::lock::Entry;
use crate::lock::log::{Answer, Call, Found};

/// A log with numbered entries.
pub(super) trait Log {
    /// Makes one call.
    fn make(&self, call: &Call) -> impl Future<Output = Result<Answer, AwsError>> + Send;
}

/// A parameter by name.
#[derive(Clone)]
pub(super) struct Parameter {
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
        let clock = ResponseClock::default();
        let get = || {
            let call = self.aws.read.ssm.get_parameter().name(name);
            call.customize().interceptor(clock.clone()).send()
        };
        let parameter = match self.aws.call("ssm:GetParameter", get).await {
            Ok(answer) => held("ssm:GetParameter", answer.parameter)?,
            Err(error) if error.is_not_found() => return Ok(Answer::Absent),
            Err(error) => return Err(error),
        };
        let version = u64::try_from(parameter.version).unwrap_or_default();
        let entry = parameter.value().and_then(Entry::parse);
        let age = clock.age(parameter.last_modified_date());
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::super::play;
    use super::*;
    use crate::aws::error::ErrorKind;
    use crate::lock::{Holder, Intent, Turn, Verdict};

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
                    entries.push(entry.as_ref().clone());
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
