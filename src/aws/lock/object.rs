//! A lock in an object of S3, which writes and deletes under a condition.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::heads::Heads;
use super::{Store, is_lost};
use crate::aws::clients::Aws;
use crate::aws::error::{AwsError, ErrorKind};
use crate::lock::{Ask, Entry, Told};

/// More bytes than any lock has.
const LONGEST: usize = 64 * 1024;

/// What S3 answers when the condition does not hold, or did not hold any more.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
const BEATEN: [&str; 4] =
    ["PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "NoSuchKey"];

/// An object by bucket and key.
#[derive(Clone)]
pub(super) struct Object {
    pub aws: Arc<Aws>,
    pub bucket: String,
    pub key: String,
}

/// The tag of the contents that were read. INVARIANT: no two entries are alike, for each has an id of its own, so
/// a tag never stands for two of them.
#[derive(Clone)]
pub(super) struct Tag(String);

impl Store for Object {
    type Mark = Tag;

    async fn ask(&self, ask: Ask<Tag>) -> Result<Told<Tag>, AwsError> {
        match ask {
            Ask::Look => self.read().await,
            Ask::Swap { from, entry } => self.put(&entry, from.as_ref()).await,
            Ask::Remove { at } => self.delete(&at).await,
        }
    }
}

impl Object {
    async fn read(&self) -> Result<Told<Tag>, AwsError> {
        let heads = Heads::default();
        let get = || {
            let call = self.aws.read.s3.get_object().bucket(&self.bucket).key(&self.key);
            call.customize().interceptor(heads.clone()).send()
        };
        let found = match self.aws.call("s3:GetObject", get).await {
            Ok(found) => found,
            Err(error) if error.has_code("NoSuchKey") => return Ok(Told::Seen { at: None, last: None }),
            Err(error) => return Err(self.explained(error, &heads)),
        };
        let Some(tag) = found.e_tag().map(|tag| Tag(tag.to_owned())) else {
            return Err(AwsError::new("s3:GetObject", ErrorKind::Invalid, "the answer has no ETag"));
        };
        let age = heads.age(found.last_modified());
        let short = found.content_length().and_then(|length| usize::try_from(length).ok());
        if short.is_none_or(|length| length > LONGEST) {
            return Ok(Told::Foreign);
        }
        // An answer that breaks off tells nothing.
        let Ok(body) = found.body.collect().await else { return Ok(Told::Unsure) };
        let entry = std::str::from_utf8(&body.into_bytes()).ok().and_then(Entry::parse);
        Ok(match entry {
            Some(entry) => Told::Seen { at: Some(tag), last: Some(Box::new((entry, age))) },
            None => Told::Foreign,
        })
    }

    async fn put(&self, entry: &Entry, from: Option<&Tag>) -> Result<Told<Tag>, AwsError> {
        let (text, heads) = (entry.to_json(), Heads::default());
        // A bucket with Object Lock takes nothing without one.
        let checksum = STANDARD.encode(Sha256::digest(&text));
        let put = || {
            let call = self.aws.write.s3.put_object().bucket(&self.bucket).key(&self.key);
            let call = call.content_type("application/json").checksum_sha256(&checksum);
            let call = call.body(ByteStream::from(text.clone().into_bytes()));
            let call = match from {
                None => call.if_none_match("*"),
                Some(Tag(tag)) => call.if_match(tag),
            };
            call.customize().interceptor(heads.clone()).send()
        };
        // A second try after a lost answer fails, for the first has changed the tag.
        match self.aws.call("s3:PutObject", put).await {
            Ok(_) => Ok(Told::Swapped),
            Err(error) if error.has_code("NotImplemented") => Err(self.explained(error, &heads)),
            Err(error) if is_beaten(&error) || is_lost(&error) => Ok(Told::Unsure),
            Err(error) => Err(self.explained(error, &heads)),
        }
    }

    async fn delete(&self, Tag(tag): &Tag) -> Result<Told<Tag>, AwsError> {
        let delete = || {
            let call = self.aws.write.s3.delete_object().bucket(&self.bucket).key(&self.key);
            call.if_match(tag).send()
        };
        Ok(match self.aws.call("s3:DeleteObject", delete).await {
            Ok(_) => Told::Removed,
            Err(error) if error.has_code("NoSuchKey") => Told::Removed,
            // It costs nothing, and whoever may not delete it lets go of it as usual.
            Err(_) => Told::Unsure,
        })
    }

    /// Says what to do about the bucket.
    fn explained(&self, error: AwsError, heads: &Heads) -> AwsError {
        let Self { aws, bucket, key } = self;
        let elsewhere =
            ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];
        let hint = match error.code() {
            Some("NotImplemented") => format!(
                "what keeps the bucket `{bucket}` has no conditional writes, by which a lock is taken: name a bucket of \
                 S3 itself, or take `lock` out to keep the lock in a parameter"
            ),
            Some("NoSuchBucket") => format!(
                "there is no bucket `{bucket}`: make it (aws s3 mb s3://{bucket}), correct `lock.bucket` in the \
                 stack file, or take `lock` out to keep the lock in a parameter"
            ),
            Some(code) if elsewhere.contains(&code) => {
                let there = heads.region().unwrap_or_else(|| "another region".to_owned());
                let region = &aws.region;
                format!(
                    "the bucket `{bucket}` is in {there}, and this environment in {region}: name a bucket in {region}, \
                     for one environment by `override: {{ lock: {{ bucket: NAME }} }}`"
                )
            }
            _ if error.is_denied() => {
                let operation = error.operation();
                format!(
                    "the lock is kept in the bucket `{bucket}`: allow `{operation}` (all of s3:GetObject, \
                     s3:PutObject, s3:DeleteObject) on `arn:aws:s3:::{bucket}/{key}` and `s3:ListBucket` on \
                     `arn:aws:s3:::{bucket}`, without which S3 does not tell an object that is absent from a forbidden \
                     one; or add --no-lock where nothing else can change this environment meanwhile"
                )
            }
            _ => return error,
        };
        error.with_hint(hint)
    }
}

fn is_beaten(error: &AwsError) -> bool {
    BEATEN.iter().any(|code| error.has_code(code))
}
