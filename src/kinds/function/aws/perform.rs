//! Performs one operation on a function, and waits until AWS has finished it.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Architecture, Environment, EphemeralStorage, FunctionCode,
    FunctionConfiguration, LoggingConfig, Runtime, TracingConfig, TracingMode, VpcConfig,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::calls::Function;
use super::{permission, read};
use crate::aws::{Aws, AwsError, ErrorKind};
use crate::kinds::aws::Archives;
use crate::kinds::aws::perform::{done_if_absent, known};
use crate::kinds::aws::stale::{may_replace, stale};
use crate::kinds::function::{ALIAS_MARK, Alias, Code, Config, Op, RoleMark, Spec, Version};
use crate::kinds::{Expected, Ids, Name, Tags, role, tag};

/// Performs one operation on a function and waits until AWS has finished it.
///
/// Returns `functions.NAME.name` and `functions.NAME.arn` of a function that was created.
///
/// # Errors
/// Errors of AWS, the reason why an update failed, and updates that do not end in time.
pub async fn perform(
    aws: &Aws,
    (ids, archives): (&Ids, &Archives),
    name: &Name,
    (op, expected): (&Op, &Expected),
) -> Result<Ids, AwsError> {
    let function_name = match op {
        Op::Create { spec } => spec.function_name.clone(),
        _ => known(ids, &format!("functions.{name}.name"))?,
    };
    let function = Function { aws, name: &function_name };
    let archive = || {
        archives.get(name).map(|archive| archive.as_ref()).ok_or_else(|| {
            AwsError::new("uploading code", ErrorKind::Invalid, format!("function `{name}` was not built"))
        })
    };
    let mut made = Ids::default();
    match op {
        Op::Create { spec } => {
            made.set(format!("functions.{name}.name"), &function_name);
            made.set(format!("functions.{name}.arn"), function.create(spec, archive()?).await?);
        }
        Op::Configure { config } => function.configure(config, expected).await?,
        Op::UpdateCode { code } => function.update_code(code, archive()?, expected).await?,
        Op::Mark { source, role } => function.mark(source, role.as_deref()).await?,
        Op::Reserve { concurrency } => function.reserve(*concurrency).await?,
        Op::Unreserve => function.unreserve().await?,
        Op::Publish => function.publish().await?,
        Op::CreateAlias { alias, target } => function.create_alias(alias, target).await?,
        Op::MoveAlias { alias, target } => function.move_alias(alias, target, expected).await?,
        Op::DeleteAlias { alias } => function.delete_alias(alias).await?,
        Op::AddPermission { sid, permission } => permission::add(function, sid, permission).await?,
        Op::RemovePermission { sid, alias } => permission::remove(function, sid, alias.as_deref()).await?,
        Op::Tag { tags } => function.tag(tags.clone()).await?,
        Op::Untag { keys } => function.untag(keys).await?,
        Op::Delete => function.delete().await?,
    }
    Ok(made)
}

/// The nested objects of a configuration. They are always complete, so that fields can be cleared.
struct Wire {
    env: Environment,
    storage: EphemeralStorage,
    vpc: VpcConfig,
    tracing: TracingConfig,
    logging: LoggingConfig,
}

impl Wire {
    fn of(config: &Config) -> Result<Self, AwsError> {
        let env = config.env.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let storage = EphemeralStorage::builder().size(number(config.ephemeral_storage)).build();
        let list = |ids: Option<&BTreeSet<String>>| Some(ids.into_iter().flatten().cloned().collect());
        let vpc = config.vpc.as_ref();
        let tracing = if config.tracing { TracingMode::Active } else { TracingMode::PassThrough };
        Ok(Self {
            env: Environment::builder().set_variables(Some(env)).build(),
            storage: storage.map_err(|error| {
                AwsError::new("configuring a function", ErrorKind::Invalid, error.to_string())
            })?,
            vpc: VpcConfig::builder()
                .set_subnet_ids(list(vpc.map(|vpc| &vpc.subnets)))
                .set_security_group_ids(list(vpc.map(|vpc| &vpc.security_groups)))
                .build(),
            tracing: TracingConfig::builder().mode(tracing).build(),
            logging: LoggingConfig::builder().log_group(&config.log_group).build(),
        })
    }
}

impl Function<'_> {
    /// Creates the function and returns its ARN.
    async fn create(&self, spec: &Spec, archive: &[u8]) -> Result<String, AwsError> {
        let Spec { function_name: _, config, code, tags, .. } = spec;
        let Wire { env, storage, vpc, tracing, logging } = Wire::of(config)?;
        let mut tags = tags.clone();
        tags.insert(tag::SOURCE.to_owned(), code.source.clone());
        tags.insert(tag::CODE.to_owned(), code_sha256(archive));
        let zip = FunctionCode::builder().zip_file(Blob::new(archive)).build();
        let create = || {
            let call = self.aws.write.lambda.create_function().function_name(self.name);
            call.role(&config.role)
                .description(&config.description)
                .runtime(Runtime::from(config.runtime.as_str()))
                .handler(&config.handler)
                .memory_size(number(config.memory))
                .timeout(number(config.timeout))
                .environment(env.clone())
                .set_kms_key_arn(config.env_key.clone())
                .ephemeral_storage(storage.clone())
                .set_layers(Some(config.layers.clone()))
                .set_vpc_config(config.vpc.is_some().then(|| vpc.clone()))
                .tracing_config(tracing.clone())
                .logging_config(logging.clone())
                .architectures(Architecture::from(code.architecture.as_str()))
                .code(zip.clone())
                .set_tags(Some(tags.clone().into_iter().collect()))
                .send()
        };
        match self.aws.call("lambda:CreateFunction", create).await {
            // The code is also returned while an update is running, but running updates were already waited for.
            Err(error) if error.kind() == ErrorKind::Conflict && error.says("already exist") => {
                self.adopt(&spec.tags, error).await?;
            }
            answer => drop(answer?),
        }
        self.visible().await?;
        let config = self.settled().await?;
        Ok(config.function_arn.unwrap_or_default())
    }

    /// Accepts a function that exists already if it carries the tags that it was to be created with: an attempt before
    /// this one succeeded, but its answer was lost.
    async fn adopt(&self, tags: &Tags, conflict: AwsError) -> Result<(), AwsError> {
        let there = self.get().await?.tags.unwrap_or_default();
        let ours = [tag::STACK, tag::ENV, tag::ID].iter().all(|key| there.get(*key) == tags.get(*key));
        if ours { Ok(()) } else { Err(conflict) }
    }

    async fn configure(&self, config: &Config, expected: &Expected) -> Result<(), AwsError> {
        let Wire { env, storage, vpc, tracing, logging } = Wire::of(config)?;
        let is = self.idle().await?;
        if let Expected::Config(before) = expected
            && !may_replace(&read::config(self.name, &is), Some(before.as_ref()), config)
        {
            let what = format!("the configuration of function `{}`", self.name);
            return Err(stale("lambda:UpdateFunctionConfiguration", &what));
        }
        // From here on Lambda itself refuses the call if someone else has changed the function.
        let revision = is.revision_id;
        // Sends every field, because Lambda keeps fields that are left out, and the key together with the variables
        // that it encrypts.
        let update = || {
            let call = self.aws.write.lambda.update_function_configuration().function_name(self.name);
            call.role(&config.role)
                .description(&config.description)
                .runtime(Runtime::from(config.runtime.as_str()))
                .handler(&config.handler)
                .memory_size(number(config.memory))
                .timeout(number(config.timeout))
                .environment(env.clone())
                .kms_key_arn(config.env_key.as_deref().unwrap_or_default())
                .ephemeral_storage(storage.clone())
                .set_layers(Some(config.layers.clone()))
                .vpc_config(vpc.clone())
                .tracing_config(tracing.clone())
                .logging_config(logging.clone())
                .set_revision_id(revision.clone())
                .send()
        };
        let answer = self.aws.call("lambda:UpdateFunctionConfiguration", update).await;
        self.updated(answer, |is| read::config(self.name, is) == *config).await
    }

    async fn update_code(&self, code: &Code, archive: &[u8], expected: &Expected) -> Result<(), AwsError> {
        let is = self.idle().await?;
        let sha256 = code_sha256(archive);
        if let (Expected::Code(before), Some(has)) = (expected, &is.code_sha256)
            && !may_replace(has, Some(before), &sha256)
        {
            return Err(stale("lambda:UpdateFunctionCode", &format!("the code of function `{}`", self.name)));
        }
        let revision = is.revision_id;
        let update = || {
            let call = self.aws.write.lambda.update_function_code().function_name(self.name);
            call.zip_file(Blob::new(archive))
                .architectures(Architecture::from(code.architecture.as_str()))
                .set_revision_id(revision.clone())
                .send()
        };
        let answer = self.aws.call("lambda:UpdateFunctionCode", update).await;
        let done = |is: &FunctionConfiguration| {
            is.code_sha256() == Some(&sha256) && read::architecture(is) == code.architecture
        };
        self.updated(answer, done).await
    }

    /// Waits for the end of an update. An update that was refused because of a stale revision counts as done if the
    /// function is in the wanted state: an attempt before it succeeded, but its answer was lost.
    async fn updated<T>(
        &self,
        answer: Result<T, AwsError>,
        done: impl Fn(&FunctionConfiguration) -> bool,
    ) -> Result<(), AwsError> {
        match answer {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                if done(&self.settled().await?) {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            Err(error) => Err(error),
            Ok(_) => self.settled().await.map(drop),
        }
    }

    async fn mark(&self, source: &str, role: Option<&str>) -> Result<(), AwsError> {
        let role = match role {
            Some(arn) => self.role_mark(arn).await?.map(|role| role.to_string()),
            None => None,
        };
        let code = self.settled().await?.code_sha256;
        let marks = [(tag::SOURCE, Some(source.to_owned())), (tag::CODE, code), (tag::ROLE_ID, role)];
        let marks = marks.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        self.tag(marks.collect()).await
    }

    async fn role_mark(&self, arn: &str) -> Result<Option<RoleMark>, AwsError> {
        let get = || self.aws.read.iam.get_role().role_name(role::name_in(arn)).send();
        let role = self.aws.call("iam:GetRole", get).await?.role;
        Ok(role.map(|role| RoleMark::new(&role.role_id, arn)))
    }

    async fn reserve(&self, concurrency: u32) -> Result<(), AwsError> {
        let put = || {
            let call = self.aws.write.lambda.put_function_concurrency().function_name(self.name);
            call.reserved_concurrent_executions(number(concurrency)).send()
        };
        self.aws.call("lambda:PutFunctionConcurrency", put).await.map(drop)
    }

    async fn unreserve(&self) -> Result<(), AwsError> {
        let delete = || self.aws.write.lambda.delete_function_concurrency().function_name(self.name).send();
        done_if_absent(self.aws.call("lambda:DeleteFunctionConcurrency", delete).await)
    }

    /// Publishes the current state. If it is published already, Lambda returns the same version.
    async fn publish(&self) -> Result<(), AwsError> {
        let is = self.settled().await?;
        let publish = || {
            let call = self.aws.write.lambda.publish_version().function_name(self.name);
            call.set_code_sha256(is.code_sha256.clone()).set_revision_id(is.revision_id.clone()).send()
        };
        let published = self.aws.call("lambda:PublishVersion", publish).await?;
        match published.version() {
            Some(version) => self.version_active(version).await,
            None => Ok(()),
        }
    }

    async fn create_alias(&self, alias: &str, target: &Alias) -> Result<(), AwsError> {
        let (version, routing) = self.route(target).await?;
        let create = || {
            let call = self.aws.write.lambda.create_alias().function_name(self.name).name(alias);
            call.function_version(&version).description(ALIAS_MARK).routing_config(routing.clone()).send()
        };
        match self.aws.call("lambda:CreateAlias", create).await {
            Err(error) if error.kind() == ErrorKind::Conflict && error.says("exist") => {
                let there = self.alias(alias).await?;
                if there.description() == Some(ALIAS_MARK) {
                    self.move_alias(alias, target, &Expected::Anything).await
                } else {
                    Err(error)
                }
            }
            answer => answer.map(drop),
        }
    }

    async fn move_alias(&self, alias: &str, target: &Alias, expected: &Expected) -> Result<(), AwsError> {
        let (version, routing) = self.route(target).await?;
        let is = self.alias(alias).await?;
        let wanted = (version.clone(), target.additional.clone());
        let routes = |is: &GetAliasOutput| {
            let version = is.function_version().unwrap_or_default().to_owned();
            (version, read::share(is.routing_config()))
        };
        if let Expected::Alias(before, share) = expected
            && !may_replace(&routes(&is), Some(&(before.clone(), share.clone())), &wanted)
        {
            let what = format!("the alias `{alias}` of function `{}`", self.name);
            return Err(stale("lambda:UpdateAlias", &what));
        }
        let revision = is.revision_id;
        let update = || {
            let call = self.aws.write.lambda.update_alias().function_name(self.name).name(alias);
            call.function_version(&version)
                .description(ALIAS_MARK)
                .routing_config(routing.clone())
                .set_revision_id(revision.clone())
                .send()
        };
        match self.aws.call("lambda:UpdateAlias", update).await {
            // An attempt before this one succeeded, but its answer was lost.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let is = self.alias(alias).await?;
                let done = routes(&is) == wanted && is.description() == Some(ALIAS_MARK);
                if done { Ok(()) } else { Err(error) }
            }
            answer => answer.map(drop),
        }
    }

    async fn delete_alias(&self, alias: &str) -> Result<(), AwsError> {
        let delete = || self.aws.write.lambda.delete_alias().function_name(self.name).name(alias).send();
        done_if_absent(self.aws.call("lambda:DeleteAlias", delete).await)
    }

    async fn alias(&self, alias: &str) -> Result<GetAliasOutput, AwsError> {
        let get = || self.aws.read.lambda.get_alias().function_name(self.name).name(alias).send();
        self.aws.call("lambda:GetAlias", get).await
    }

    /// Finds the version that an alias has to route to, and builds the routing to a second version.
    async fn route(&self, target: &Alias) -> Result<(String, AliasRoutingConfiguration), AwsError> {
        let version = match &target.version {
            Version::Number(number) => number.clone(),
            Version::Latest => {
                let versions = self.versions().await?;
                let newest =
                    versions.iter().filter_map(|version| version.version()?.parse::<u64>().ok()).max();
                let none = || {
                    let message = format!("function `{}` has no published version", self.name);
                    AwsError::new("lambda:ListVersionsByFunction", ErrorKind::Invalid, message)
                };
                newest.ok_or_else(none)?.to_string()
            }
        };
        let shares = target.additional.iter().map(|(version, share)| (version.clone(), read::weight(*share)));
        // Empty weights remove a second version.
        let routing = AliasRoutingConfiguration::builder()
            .set_additional_version_weights(Some(shares.collect()))
            .build();
        Ok((version, routing))
    }

    async fn tag(&self, tags: Tags) -> Result<(), AwsError> {
        let arn = self.get().await?.configuration.and_then(|config| config.function_arn).unwrap_or_default();
        let tags: HashMap<String, String> = tags.into_iter().collect();
        let tag = || self.aws.write.lambda.tag_resource().resource(&arn).set_tags(Some(tags.clone())).send();
        self.aws.call("lambda:TagResource", tag).await.map(drop)
    }

    async fn untag(&self, keys: &BTreeSet<String>) -> Result<(), AwsError> {
        let arn = self.get().await?.configuration.and_then(|config| config.function_arn).unwrap_or_default();
        let untag = || {
            let call = self.aws.write.lambda.untag_resource().resource(&arn);
            call.set_tag_keys(Some(keys.iter().cloned().collect())).send()
        };
        self.aws.call("lambda:UntagResource", untag).await.map(drop)
    }

    async fn delete(&self) -> Result<(), AwsError> {
        let delete = || self.aws.write.lambda.delete_function().function_name(self.name).send();
        done_if_absent(self.aws.call("lambda:DeleteFunction", delete).await)?;
        self.gone().await
    }
}

/// Returns the hash of an archive in the form that Lambda uses.
fn code_sha256(archive: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(archive))
}

/// Converts a number; every number that the stack file accepts fits.
fn number(value: u32) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}
