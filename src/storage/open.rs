//! Opens a registry's storage: the right client, the right credentials, and a first look that finds mistakes at once.

use super::backend::Backend;
use super::biller::Biller;
use super::clients::{azure_client, azure_signed, gcs_client, gcs_sign_in, gcs_signed, s3_client, s3_signed};
use super::cloud::Cloud;
use super::credentials;
use super::directory::Directory;
use super::effort::Effort;
use super::identity;
use super::location::{AzureLocation, Location, S3Location, Store};
use super::pace::Limits;
use super::reader::Storage;
use super::transport::Wire;
use crate::collect::sealed::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to talk to the store, whichever it is.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A file of certificates to trust beside the system's (`--ca-file`).
    pub ca_file: Option<PathBuf>,
    /// How fast it may be asked.
    pub limits: Limits,
    /// How long one try of a request may take, if not a minute.
    pub answers_within: Option<Duration>,
}

/// An opened registry.
#[derive(Debug, Clone)]
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

    /// Who bills for the storage.
    #[must_use]
    pub fn biller(&self) -> Biller {
        match self {
            Self::Directory(_) => Biller { provider: "directory", ..Biller::default() },
            Self::Cloud(cloud) => cloud.biller.clone(),
        }
    }

    /// What tells it from every other storage.
    #[must_use]
    pub fn place(&self) -> &Place {
        match self {
            Self::Directory(directory) => &directory.place,
            Self::Cloud(cloud) => &cloud.place,
        }
    }
}

/// Opens a registry for reading, and makes sure that there is one.
///
/// # Errors
/// If there is no such place, no registry in it, or the store cannot be asked.
pub async fn open(location: &Location, connection: &Connection) -> Result<Opened> {
    let with_setting = |error: Error| with_setting(error, location);
    let wire = Wire::new(connection.limits);
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
            let cloud = open_s3(s3, location, connection, &wire, true).await?;
            Ok(Opened::Cloud(cloud))
        }
        Store::Gcs(gcs) => {
            let google = gcs_sign_in(gcs)?;
            let client = |effort| gcs_client(gcs, &google, connection, &wire, effort).map(Backend::Gcs);
            let place = identity::of_gcs(gcs);
            let biller = Biller::of("gcs", None, gcs.endpoint.as_deref(), "googleapis.com");
            let cloud = |client| {
                let cloud = Cloud::new(client, gcs.prefix.clone(), Arc::clone(&wire.counters)).at(place.clone());
                cloud.billed_by(biller.clone())
            };
            look(&cloud(client(Effort::FirstLook)?), location).await.map_err(with_setting)?;
            let client = client(Effort::Whole)?;
            let signed = gcs_signed(gcs, connection, &wire, &client);
            Ok(Opened::Cloud(cloud(client).with_signed(signed)))
        }
        Store::Azure(azure) => {
            let cloud = open_azure(azure, location, connection, &wire).await.map_err(with_setting)?;
            let signed = azure_signed(azure, connection, &wire, &cloud.backend);
            let biller = Biller::of("azure", None, azure.endpoint.as_deref(), "blob.core.windows.net");
            Ok(Opened::Cloud(cloud.with_signed(signed).billed_by(biller)))
        }
    }
}

/// What cannot be right is told with the setting that said so.
fn with_setting(error: Error, location: &Location) -> Error {
    match (error.kind(), error.hint().map(str::to_owned)) {
        (ErrorKind::Configuration, Some(hint)) if !hint.contains(&location.named_by) => {
            error.on(location.to_string()).next(format!("{} named it; {hint}", location.named_by))
        }
        (ErrorKind::Configuration, None) => error.next(format!("{} named it", location.named_by)),
        _ => error,
    }
}

/// Opens a bucket of S3 for reading, whatever is in it.
///
/// # Errors
/// If it is none, or there is no way to sign in.
pub async fn open_bucket(location: &Location, connection: &Connection) -> Result<Cloud> {
    let Store::S3(s3) = &location.store else {
        let error = Error::new(ErrorKind::Usage, "open the bucket").on(location.to_string());
        return Err(error.because("it is no bucket of S3"));
    };
    open_s3(s3, location, connection, &Wire::new(connection.limits), false).await
}

async fn open_s3(
    s3: &S3Location,
    location: &Location,
    connection: &Connection,
    wire: &Wire,
    is_registry: bool,
) -> Result<Cloud> {
    let mut aws = if s3.keys.is_some() {
        None
    } else {
        credentials::aws_chain(s3.profile.as_deref(), s3.region.as_deref()).await
    };
    // A registry does not read the endpoint of a profile or of AWS_ENDPOINT_URL: another bucket may be there.
    if let Some(aws) = aws.as_mut().filter(|_| location.from_configuration) {
        aws.endpoint = None;
    }
    let client = |effort| s3_client(s3, aws.as_ref(), connection, wire, effort).map(Backend::S3);
    let endpoint = s3.endpoint.as_deref().or(aws.as_ref().and_then(|aws| aws.endpoint.as_deref()));
    let region = s3.region.as_deref().or(aws.as_ref().and_then(|aws| aws.region.as_deref()));
    let place = identity::of_s3(s3, endpoint, region);
    let cloud = |client| {
        let cloud = Cloud::new(client, s3.prefix.clone(), Arc::clone(&wire.counters)).at(place.clone());
        let biller = Biller::of("s3", Some(region.unwrap_or("us-east-1")), endpoint, "amazonaws.com");
        cloud.with_storage_class(s3.writes.storage_class.clone()).billed_by(biller)
    };
    if is_registry {
        let first = cloud(client(Effort::FirstLook)?);
        look(&first, location).await.map_err(|error| with_setting(error, location))?;
    }
    let client = client(Effort::Whole)?;
    let signed = s3_signed(s3, aws.as_ref(), connection, wire, &client);
    Ok(cloud(client).with_signed(signed))
}

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
async fn open_azure(azure: &AzureLocation, location: &Location, connection: &Connection, wire: &Wire) -> Result<Cloud> {
    let client = |effort, slash| azure_client(azure, connection, wire, effort, slash).map(Backend::Azure);
    let place = identity::of_azure(azure);
    let cloud = |client| Cloud::new(client, azure.prefix.clone(), Arc::clone(&wire.counters)).at(place.clone());
    let first = cloud(client(Effort::FirstLook, false)?);
    let plain = first.has_any(&format!("{}{}", azure.prefix, layout::V2)).await?;
    let slashed = first.has_any(&format!("/{}{}", azure.prefix, layout::V2)).await?;
    match (plain, slashed) {
        (false, false) => Err(no_registry(location)),
        (true, false) => Ok(cloud(client(Effort::Whole, false)?)),
        (false, true) => Ok(cloud(client(Effort::Whole, false)?).with_leading_slash(client(Effort::Whole, true)?)),
        (true, true) => Ok(cloud(client(Effort::Whole, false)?).with_both_key_forms()),
    }
}
