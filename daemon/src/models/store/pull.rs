//! Files into the models' folder, through the fetch host.

use super::{Progress, Store, source};
use crate::error::{HobError, Kind};
use hob_link::fetch::{
    FetchError, FetchReply, FetchRequest, FetchTask, Fetched, ImportRequest, Imported, Patience, Source,
};
use hob_link::supervisor::{Host, HostSpec};
use std::path::Path;
use tokio::sync::mpsc;

type FetchHost = Host<FetchTask, FetchReply>;

/// How a file is pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullOptions {
    /// Its name in the folder; the source's own by default.
    pub name: Option<String>,
    /// The SHA-256 that it must have.
    pub sha256: Option<String>,
    /// Whether another file of that name makes way.
    pub replace: bool,
    /// Most KiB a second; `None` takes the setting's.
    pub kib_per_second: Option<u64>,
    /// Another hub than the setting's.
    pub endpoint: Option<String>,
    /// For the hub.
    pub token: Option<String>,
    /// Also from other machines without encryption.
    pub plain_http: bool,
}

impl Store {
    /// Finds what a source means: a form of its own, or a name of the catalogue.
    pub fn source(&self, text: &str) -> Result<(Source, Option<String>), HobError> {
        if text.contains(':') || text.starts_with('/') {
            return source::parse(text);
        }
        let known = self.catalogue()?;
        match known.iter().find(|known| known.name == text) {
            Some(known) => source::parse(&known.source),
            None => {
                let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
                let message = format!(
                    "the catalogue has no \"{text}\"; it has: {}. Other models: hf:OWNER/NAME, https://…",
                    names.join(", ")
                );
                Err(HobError::not_found(message))
            }
        }
    }

    /// Whether a source is on the network, and so may cost money.
    pub fn is_remote(&self, source: &Source) -> bool {
        source::is_remote(source)
    }

    /// Gets a file. Dropping this ends the fetch where it is; the next one goes on from there.
    pub async fn pull(
        &self,
        (source, digest): (Source, Option<String>),
        options: PullOptions,
        tell: mpsc::Sender<Progress>,
    ) -> Result<Fetched, HobError> {
        let busy = |_| HobError::new(Kind::Busy, "four models are being pulled already; try again when one is there");
        let _one = self.pulls.try_acquire().map_err(busy)?;
        let name = options.name.clone().unwrap_or_else(|| source::name(&source));
        let request = self.request(source, digest, options)?;
        let host = self.fetch_host().await?;
        let mut replies = host.request(FetchTask::Fetch(request)).await?;
        while let Some(reply) = replies.next().await? {
            match reply {
                FetchReply::Progress(at) => Progress::of_fetch(&name, &at).send(&tell).await,
                FetchReply::Done(fetched) => {
                    let (path, sha256, origin) = (fetched.path.display(), &fetched.sha256, &fetched.origin);
                    tracing::info!(%path, sha256, origin, verified = fetched.verified, "a model was pulled");
                    self.models.refresh();
                    return Ok(fetched);
                }
                FetchReply::Failed(error) => return Err(error.into()),
                FetchReply::Imported(_) => break,
            }
        }
        Err(HobError::internal("the fetch process ended its reply without a file; see the daemon's log"))
    }

    fn request(&self, source: Source, digest: Option<String>, options: PullOptions) -> Result<FetchRequest, HobError> {
        if let (Some(one), Some(other)) = (&digest, &options.sha256)
            && !one.eq_ignore_ascii_case(other)
        {
            return Err(HobError::invalid("the address and the option sha256 name different digests"));
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let endpoint = options.endpoint.or_else(|| variable("HF_ENDPOINT"));
        Ok(FetchRequest {
            source,
            folder: self.setup.folder.clone(),
            name: options.name,
            sha256: options.sha256.or(digest),
            replace: options.replace,
            bytes_per_second: options.kib_per_second.unwrap_or(*self.setup.pull.kib_per_second.get_ref()) * 1024,
            endpoint: endpoint.unwrap_or_else(|| self.setup.pull.hub.clone()),
            token: options.token.or_else(|| variable("HF_TOKEN")),
            plain_http: options.plain_http,
            patience: Patience::default(),
        })
    }

    /// Takes over models of this machine without copying them.
    pub async fn import(&self, from: &Path, name: Option<String>, dry_run: bool) -> Result<Vec<Imported>, HobError> {
        let folder = self.setup.folder.clone();
        let request = ImportRequest { from: from.to_path_buf(), folder, name, dry_run };
        match self.fetch_host().await?.ask(FetchTask::Import(request)).await? {
            FetchReply::Imported(all) => {
                self.models.refresh();
                Ok(all)
            }
            FetchReply::Failed(error) => Err(error.into()),
            other => Err(HobError::internal(format!("the fetch process imported with {other:.60?}"))),
        }
    }

    async fn fetch_host(&self) -> Result<FetchHost, HobError> {
        let folder = &self.setup.folder;
        std::fs::create_dir_all(folder).map_err(|e| HobError::internal(format!("{}: {e}", folder.display())))?;
        let spec = HostSpec { kind: "fetch", program: self.setup.fetch_host.clone(), args: Vec::new() };
        Ok(FetchHost::spawn(&spec).await?)
    }
}

impl From<FetchError> for HobError {
    fn from(error: FetchError) -> Self {
        let kind = match error {
            FetchError::Invalid(_) => Kind::InvalidArgument,
            FetchError::NotFound(_) => Kind::NotFound,
            FetchError::Disk(_) => Kind::Internal,
            FetchError::Refused(_) | FetchError::Offline(_) | FetchError::Server(_) | FetchError::Wrong(_) => {
                Kind::Remote
            }
        };
        Self::new(kind, error.to_string())
    }
}
