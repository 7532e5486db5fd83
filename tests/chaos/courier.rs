//! Carries blobs and manifests into a registry as real clients do, and reckons with every answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use reqwest::{Method, StatusCode};
use tokio::time::sleep;

use super::image::{Blob, Image};
use super::tally::Tally;
use crate::real::{Answer, Client};

const STREAM: &str = "application/octet-stream";
/// How often a blob is tried before the push fails.
const TRIES: u32 = 5;

/// How a blob gets into a repository that has it not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// POST, PUT.
    Whole,
    /// POST, PATCH, PATCH, PUT.
    Chunked,
    /// Mounted from this repository; uploaded if that has it not.
    Mounted(&'static str),
}

/// The answer to a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// 201: from here on it has to be there.
    Acknowledged,
    /// 4xx: nothing was written.
    Refused,
    /// 5xx or none: it may have been written.
    Unknown,
}

/// Does the requests of a push, one kind each.
#[derive(Debug, Clone)]
pub struct Courier {
    /// Whom it asks.
    pub client: Client,
    /// Where it counts.
    pub tally: Arc<Tally>,
}

impl Courier {
    async fn ask(&self, method: Method, path: &str, media_type: &str, body: Bytes) -> Result<Answer> {
        let answer = self.client.ask(method.clone(), path, media_type, body).await;
        match &answer {
            Ok(answer) if answer.status.is_server_error() => {
                let body = String::from_utf8_lossy(&answer.body);
                self.tally.say(format!("{method} {path}: {} {}", answer.status, body.trim()));
            }
            Ok(_) => (),
            Err(error) => self.tally.say(format!("{method} {path}: {error:#}")),
        }
        answer
    }

    /// Sees to it that the repository has the blob: asks, and brings it `way` only if the answer is no.
    pub async fn blob(&self, repository: &str, blob: &Blob, way: Way) -> Result<()> {
        let mut last = anyhow::anyhow!("never tried");
        for attempt in 0..TRIES {
            sleep(Duration::from_millis(20) * attempt).await;
            match self.blob_once(repository, blob, way).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last.context(format!("bring {} to {repository}", blob.digest())))
    }

    async fn blob_once(&self, repository: &str, blob: &Blob, way: Way) -> Result<()> {
        let digest = blob.digest();
        let head = self.ask(Method::HEAD, &format!("/v2/{repository}/blobs/{digest}"), STREAM, Bytes::new()).await?;
        match head.status {
            StatusCode::OK => {
                self.tally.present.add();
                return Ok(());
            }
            StatusCode::NOT_FOUND => (),
            other => bail!("HEAD answers {other}"),
        }
        let query = if let Way::Mounted(from) = way { format!("?mount={digest}&from={from}") } else { String::new() };
        let begun =
            self.ask(Method::POST, &format!("/v2/{repository}/blobs/uploads/{query}"), STREAM, Bytes::new()).await?;
        match begun.status {
            StatusCode::CREATED => {
                self.tally.mounts.add();
                return Ok(());
            }
            StatusCode::ACCEPTED => (),
            other => bail!("POST answers {other}"),
        }
        let (mut at, mut rest) = (begun.location()?.to_owned(), blob.bytes.clone());
        if way == Way::Chunked {
            for _ in 0..2 {
                at = self.chunk(&at, rest.split_to(blob.bytes.len() / 3)).await?;
            }
            self.tally.chunked.add();
        } else {
            self.tally.uploads.add();
        }
        let glue = if at.contains('?') { '&' } else { '?' };
        let put = self.ask(Method::PUT, &format!("{at}{glue}digest={digest}"), STREAM, rest).await?;
        if put.status == StatusCode::CREATED { Ok(()) } else { bail!("PUT answers {}", put.status) }
    }

    /// Sends a part of an upload: where the next goes.
    async fn chunk(&self, at: &str, bytes: Bytes) -> Result<String> {
        let answer = self.ask(Method::PATCH, at, STREAM, bytes).await?;
        if answer.status != StatusCode::ACCEPTED {
            bail!("PATCH answers {}", answer.status);
        }
        answer.location().map(str::to_owned)
    }

    /// Begins to upload a blob and goes away.
    pub async fn give_up(&self, repository: &str, blob: &Blob) -> Result<()> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let begun = self.ask(Method::POST, &path, STREAM, Bytes::new()).await?;
        self.chunk(begun.location().context("begin an upload")?, blob.bytes.slice(..blob.bytes.len() / 2)).await?;
        self.tally.given_up.add();
        Ok(())
    }

    /// Puts a manifest under a tag or its digest.
    pub async fn manifest(&self, repository: &str, reference: &str, image: &Image) -> Put {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let begun = Instant::now();
        let answer = self.ask(Method::PUT, &path, image.media_type, image.manifest.clone()).await;
        self.tally.put_took(begun.elapsed());
        match answer.map(|answer| answer.status) {
            Ok(StatusCode::CREATED) => Put::Acknowledged,
            Ok(status) if status.is_client_error() => Put::Refused,
            Ok(_) | Err(_) => Put::Unknown,
        }
    }

    /// Whether the repository claims to have this manifest.
    pub async fn has_manifest(&self, repository: &str, digest: &str) -> Result<bool> {
        let path = format!("/v2/{repository}/manifests/{digest}");
        Ok(self.ask(Method::HEAD, &path, STREAM, Bytes::new()).await?.status == StatusCode::OK)
    }

    /// Deletes a manifest and with it every tag that points to it.
    pub async fn delete(&self, repository: &str, digest: &str) -> Put {
        let path = format!("/v2/{repository}/manifests/{digest}");
        match self.ask(Method::DELETE, &path, STREAM, Bytes::new()).await.map(|answer| answer.status) {
            Ok(StatusCode::ACCEPTED) => Put::Acknowledged,
            Ok(status) if status.is_client_error() => Put::Refused,
            Ok(_) | Err(_) => Put::Unknown,
        }
    }
}
