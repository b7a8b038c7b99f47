//! A local AWS for one test.

use super::error::LocalError;
use super::install::install;
use super::record::Folder;
use super::server::{Launch, Life, Server};
use super::{LocalConfig, Running, operator};

/// A local AWS that ends with its owner: on `close`, on drop, and when the process that started it ends.
///
/// It saves nothing. The caller has to delete its folder, `LocalConfig::dir`.
#[derive(Debug)]
pub struct Ephemeral {
    server: Server,
    running: Running,
}

impl Ephemeral {
    /// Starts an empty local AWS.
    ///
    /// # Errors
    /// Fails if the emulator cannot be installed or started.
    pub async fn start(config: &LocalConfig) -> Result<Self, LocalError> {
        let folder = Folder::new(&config.dir);
        folder.create()?;
        let installed = install(config, &|_| {}).await?;
        let launch =
            Launch { folder: &folder, installed: &installed, region: &config.region, life: Life::Tied };
        let server = launch.start(None, &mut |_| Ok(())).await?;
        let operator = operator::ensure(server.port, &config.region, None).await?;
        let running =
            Running { fresh: true, ..Running::new(server.pid, server.port, operator, &config.region) };
        Ok(Self { server, running })
    }

    /// Returns the endpoint and the credentials of the local AWS.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Stops the local AWS and waits until it has ended.
    pub async fn close(self) {
        self.server.close().await;
    }
}
