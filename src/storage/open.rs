//! Opens a registry's storage: the right client, the right credentials, and a first look that finds mistakes at once.

use super::clients::{azure_client, gcs_client, s3_client};
use super::cloud::{Backend, Cloud};
use super::credentials;
use super::directory::Directory;
use super::location::{AzureLocation, Location, Store};
use super::reader::Storage;
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use std::path::PathBuf;
use std::sync::Arc;

/// How to talk to the store, whichever it is.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A file of certificates to trust beside the system's (`--ca-file`).
    pub ca_file: Option<PathBuf>,
}

/// An opened registry.
#[derive(Debug)]
pub enum Opened {
    /// In a local directory.
    Directory(Directory),
    /// In an object store.
    Cloud(Cloud),
}

impl Opened {
    /// For reading.
    #[must_use]
    pub fn reader(&self) -> &dyn Storage {
        match self {
            Self::Directory(directory) => directory,
            Self::Cloud(cloud) => cloud,
        }
    }
}

/// Opens a registry for reading, and makes sure that there is one.
///
/// # Errors
/// If there is no such place, no registry in it, or the store cannot be asked.
pub async fn open(location: &Location, connection: &Connection) -> Result<Opened> {
    let with_setting = |error: Error| match error.kind() {
        ErrorKind::Configuration if error.hint().is_none() => error.next(format!("{} named it", location.named_by)),
        _ => error,
    };
    match &location.store {
        Store::Directory(directory) => {
            if !directory.root.is_dir() {
                return Err(no_directory(location, "there is no such directory"));
            }
            let opened = Directory::open(&directory.root)?;
            if !opened.root.join(layout::V2).is_dir() {
                return Err(no_directory(location, "there is no registry in it (no docker/registry/v2)"));
            }
            Ok(Opened::Directory(opened))
        }
        Store::S3(s3) => {
            let aws = if s3.keys.is_some() {
                None
            } else {
                credentials::aws_chain(s3.profile.as_deref(), s3.region.as_deref()).await
            };
            let probe = Cloud::new(
                Backend::S3(s3_client(s3, aws.as_ref(), connection, &Arc::default(), FIRST_LOOK)?),
                s3.prefix.clone(),
                Arc::default(),
            );
            look(&probe, location).await.map_err(with_setting)?;
            let counters = Arc::default();
            let client = s3_client(s3, aws.as_ref(), connection, &counters, PATIENT)?;
            Ok(Opened::Cloud(Cloud::new(Backend::S3(client), s3.prefix.clone(), counters)))
        }
        Store::Gcs(gcs) => {
            let probe = Cloud::new(
                Backend::Gcs(gcs_client(gcs, connection, &Arc::default(), FIRST_LOOK)?),
                gcs.prefix.clone(),
                Arc::default(),
            );
            look(&probe, location).await.map_err(with_setting)?;
            let counters = Arc::default();
            let client = gcs_client(gcs, connection, &counters, PATIENT)?;
            Ok(Opened::Cloud(Cloud::new(Backend::Gcs(client), gcs.prefix.clone(), counters)))
        }
        Store::Azure(azure) => open_azure(azure, location, connection).await.map_err(with_setting).map(Opened::Cloud),
    }
}

/// The first look gives up soon: a wrong endpoint should not take minutes to be told.
const FIRST_LOOK: usize = 2;
const PATIENT: usize = 10;

fn no_directory(location: &Location, why: &str) -> Error {
    let error = Error::new(ErrorKind::Configuration, "find the registry").on(location.to_string()).because(why);
    let mut next = format!("{} named it", location.named_by);
    if location.from_configuration {
        next.push_str(
            "; a registry in a container sees its own file system: `docker inspect --format '{{json .Mounts}}' CONTAINER` \
             shows the host's path, which can be given instead of the configuration",
        );
    }
    error.next(next)
}

/// Whether there is a registry below the prefix.
async fn look(cloud: &Cloud, location: &Location) -> Result<()> {
    if cloud.has_any(&format!("{}{}", cloud.prefix, layout::V2)).await? { Ok(()) } else { Err(no_registry(location)) }
}

fn no_registry(location: &Location) -> Error {
    Error::new(ErrorKind::Configuration, "find the registry")
        .on(location.to_string())
        .because(format!("no key below it begins with {}", layout::V2))
        .next(format!(
            "{} named it: check the bucket and the root directory; a registry that was never pushed to has no keys either",
            location.named_by
        ))
}

/// Registries before v3 begin every name in Azure with a slash; newer ones do not. Which form a container holds is found
/// out by looking for both.
async fn open_azure(azure: &AzureLocation, location: &Location, connection: &Connection) -> Result<Cloud> {
    let counters = Arc::default();
    let first = Cloud::new(
        Backend::Azure(azure_client(azure, connection, &counters, FIRST_LOOK, false)?),
        azure.prefix.clone(),
        Arc::clone(&counters),
    );
    let plain = first.has_any(&format!("{}{}", azure.prefix, layout::V2)).await?;
    let slashed = first.has_any(&format!("/{}{}", azure.prefix, layout::V2)).await?;
    let counters = Arc::default();
    let client = |slash| azure_client(azure, connection, &counters, PATIENT, slash).map(Backend::Azure);
    let cloud = Cloud::new(client(false)?, azure.prefix.clone(), Arc::clone(&counters));
    match (plain, slashed) {
        (false, false) => Err(no_registry(location)),
        (true, false) => Ok(cloud),
        (false, true) => Ok(cloud.with_leading_slash(client(true)?)),
        (true, true) => Ok(cloud.with_both_key_forms()),
    }
}
