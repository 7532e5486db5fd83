//! From what the user named, or what the machine has, to the registry's storage.

use std::path::Path;

use super::endpoint;
use super::environment::Environment;
use super::url::{self, ACCEPTED, Bucket, StorageUrl, unusable};
use super::{azure, filesystem, gcs, registry, s3};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::location::{DescriptorCache, Location, Store};

/// Where the registry's images keep their configuration: v3, then v2.
const DEFAULT_FILES: [&str; 2] = ["/etc/distribution/config.yml", "/etc/docker/registry/config.yml"];

/// What flags say about how the storage is reached: it wins over configuration and variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url`.
    pub endpoint_url: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--descriptor-cache`, as [`descriptor_cache`](super::descriptor_cache) reads it.
    pub descriptor_cache: Option<DescriptorCache>,
}

/// A registry's storage, and what its configuration tells besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The storage.
    pub location: Location,
    /// What the running registry remembers of it.
    pub descriptor_cache: DescriptorCache,
    /// Whether the configuration says `readonly`. It does not prove that the registry runs so.
    pub readonly: bool,
    /// Whether this is Harbor's registry, whose tags live in Harbor's database.
    pub harbor: bool,
    /// What the user should know: settings that have no effect, and what was taken for what.
    pub notes: Vec<String>,
}

/// Finds the storage of the registry that `operand` names.
///
/// `operand` is a `config.yml`, a directory, or a storage URL. Without it, in this order: `REGSWEEP_REGISTRY`,
/// `REGISTRY_CONFIGURATION_PATH`, the `REGISTRY_STORAGE...` variables if they name a driver,
/// `/etc/distribution/config.yml`, `/etc/docker/registry/config.yml`. `REGISTRY_*` variables override a file as they
/// do in the registry; they have no part in a directory or a URL.
///
/// # Errors
/// Of kind [`ErrorKind::Usage`] if the operand or an override is wrong or nothing names a registry, else of kind
/// [`ErrorKind::Configuration`] with the line or variable to change, or [`ErrorKind::Io`] if a file cannot be read.
pub fn resolve(operand: Option<&str>, overrides: &Overrides, env: &dyn Environment) -> Result<Resolved> {
    let context = || Context { env, overrides, notes: Vec::new() };
    if let Some(operand) = operand {
        return from_operand(operand, "the argument", context());
    }
    // An empty one is not passed over: what was meant to be named must not be replaced by what is found.
    if let Some((_, operand)) = env.variables().iter().find(|(name, _)| name == "REGSWEEP_REGISTRY") {
        return from_operand(operand, "`REGSWEEP_REGISTRY`", context());
    }
    if let Some(path) = env.variable("REGISTRY_CONFIGURATION_PATH") {
        return registry::from_file(Path::new(&path), context());
    }
    if let Some(resolved) = registry::from_variables(context())? {
        return Ok(resolved);
    }
    if let Some(path) = DEFAULT_FILES.iter().map(Path::new).find(|path| env.exists(path)) {
        return registry::from_file(path, context());
    }
    let why = format!("none is named, and there is no {} either", DEFAULT_FILES.join(" or "));
    Err(Error::new(ErrorKind::Usage, "understand which registry is meant").because(why).next(ACCEPTED))
}

/// The same for an operand that something else than the command line names: a plan's header, for example.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_from(named_by: &str, operand: &str, overrides: &Overrides, env: &dyn Environment) -> Result<Resolved> {
    from_operand(operand, named_by, Context { env, overrides, notes: Vec::new() })
}

fn from_operand(operand: &str, named_by: &str, mut context: Context<'_>) -> Result<Resolved> {
    if operand.trim().is_empty() {
        return Err(unusable(named_by, "it is empty", ACCEPTED));
    }
    let location = match url::parse(operand, named_by)? {
        None => {
            let path = Path::new(operand);
            if !context.env.exists(path) {
                let why = "there is no such file or directory";
                return Err(unusable(&format!("{named_by} ({operand})"), why, ACCEPTED));
            }
            if !context.env.is_directory(path) {
                return registry::from_file(path, context);
            }
            filesystem::from_path(path, named_by, &mut context)?
        }
        Some(StorageUrl::Directory(path)) => filesystem::from_path(&path, named_by, &mut context)?,
        Some(StorageUrl::S3(bucket)) => from_bucket(bucket, s3::from_url, named_by, &mut context)?,
        Some(StorageUrl::Gcs(bucket)) => from_bucket(bucket, gcs::from_url, named_by, &mut context)?,
        Some(StorageUrl::Azure(bucket)) => from_bucket(bucket, azure::from_url, named_by, &mut context)?,
    };
    Ok(Resolved {
        location,
        descriptor_cache: context.overrides.descriptor_cache.clone().unwrap_or(DescriptorCache::Unknown),
        readonly: false,
        harbor: false,
        notes: context.notes,
    })
}

fn from_bucket(
    bucket: Bucket,
    open: impl FnOnce(Bucket, &Context<'_>) -> Result<Store>,
    named_by: &str,
    context: &mut Context<'_>,
) -> Result<Location> {
    let cut = bucket.cut;
    let location = Location { store: open(bucket, context)?, named_by: named_by.into(), from_configuration: false };
    if cut {
        context.note(format!("{named_by} is inside a registry whose root is {location}"));
    }
    Ok(location)
}

/// What every driver may look at, and where it leaves its notes.
pub(super) struct Context<'a> {
    /// The machine.
    pub(super) env: &'a dyn Environment,
    /// The flags.
    pub(super) overrides: &'a Overrides,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

impl Context<'_> {
    /// Leaves a note.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Leaves notes.
    pub(super) fn note_all(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
    }

    /// `--endpoint-url`, checked.
    pub(super) fn endpoint_override(&self) -> Result<Option<String>> {
        let checked = self.overrides.endpoint_url.as_deref().map(endpoint::check).transpose();
        checked.map_err(|why| unusable("--endpoint-url", why, "write it as https://HOST[:PORT]"))
    }

    /// Refuses the flags that would have no effect on this store.
    pub(super) fn refuse_overrides(&self, flags: &[&str], store: &str) -> Result<()> {
        let Overrides { region, endpoint_url, profile, descriptor_cache: _ } = self.overrides;
        let given = [("--region", region), ("--endpoint-url", endpoint_url), ("--profile", profile)];
        match given.iter().find(|(flag, value)| value.is_some() && flags.contains(flag)) {
            Some((flag, _)) => Err(unusable(flag, format!("it has no meaning for {store}"), "leave it out")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {

    use super::super::environment::fake::{Fake, ok, refused, root};
    use super::*;

    fn file(root: &str) -> String {
        format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n")
    }

    fn found(fake: &Fake) -> Result<Resolved> {
        resolve(None, &Overrides::default(), fake)
    }

    #[test]
    fn the_nearest_to_the_user_wins() {
        let fake = Fake::new().file("/etc/docker/registry/config.yml", &file("/v2"));
        assert_eq!(root(&ok(found(&fake))), "/v2");
        let fake = fake.file("/etc/distribution/config.yml", &file("/v3"));
        assert_eq!(root(&ok(found(&fake))), "/v3");
        let fake = fake.variable("REGISTRY_STORAGE_DELETE_ENABLED", "true");
        assert_eq!(root(&ok(found(&fake))), "/v3", "variables that name no driver only override");
        let fake = fake.variable("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/variables");
        assert_eq!(root(&ok(found(&fake))), "/variables");
        let fake =
            fake.file("/my.yml", "version: 0.1\nstorage: filesystem\n").variable("REGISTRY_STORAGE", "filesystem");
        let fake = fake.variable("REGISTRY_CONFIGURATION_PATH", "/my.yml");
        assert_eq!(ok(found(&fake)).descriptor_cache, DescriptorCache::None);
        let fake = fake.variable("REGSWEEP_REGISTRY", "/dir").directory("/dir").directory("/argument");
        assert_eq!(ok(found(&fake)).location.named_by, "`REGSWEEP_REGISTRY`");
        assert_eq!(root(&ok(resolve(Some("/argument"), &Overrides::default(), &fake))), "/argument");
    }

    #[test]
    fn variables_alone_do_not_tell_the_cache() {
        let fake = Fake::new()
            .variable("REGISTRY_STORAGE", "s3")
            .variable("REGISTRY_STORAGE_S3_BUCKET", "b")
            .variable("REGISTRY_STORAGE_S3_REGION", "r");
        let resolved = ok(found(&fake));
        assert_eq!(resolved.location.to_string(), "s3://b");
        assert_eq!(resolved.location.named_by, "`REGISTRY_STORAGE_S3_BUCKET`");
        assert_eq!(resolved.descriptor_cache, DescriptorCache::Unknown);
        let fake = fake.variable("REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR", "inmemory");
        assert_eq!(ok(found(&fake)).descriptor_cache, DescriptorCache::InMemory);
        let fake = Fake::new().variable("REGISTRY_STORAGE_S3_REGION", "r");
        assert!(refused(found(&fake)).contains("`storage.s3` (from `REGISTRY_STORAGE_S3_REGION`): has no `bucket`"));
    }

    #[test]
    fn nothing_named_is_wrong_usage() {
        assert_eq!(
            refused(found(&Fake::new().variable("REGISTRY_CONFIGURATION_PATH", ""))),
            "Usage: understand which registry is meant: none is named, and there is no /etc/distribution/config.yml or \
             /etc/docker/registry/config.yml either -> name the registry's config.yml, its root directory, or a storage \
             URL: s3://BUCKET[/ROOT], gs://BUCKET[/ROOT], az://CONTAINER[/ROOT], file:///DIRECTORY"
        );
    }

    #[test]
    fn an_empty_operand_is_wrong_usage() {
        let fake = Fake::new().file("/etc/distribution/config.yml", &file("/v3"));
        for operand in ["", " "] {
            let error = refused(resolve(Some(operand), &Overrides::default(), &fake));
            assert!(
                error.starts_with("Usage: understand which registry is meant: the argument: it is empty"),
                "{error}"
            );
        }
        let error = refused(found(&fake.variable("REGSWEEP_REGISTRY", "")));
        assert!(
            error.contains("`REGSWEEP_REGISTRY`: it is empty"),
            "a variable that was lost is not passed over: {error}"
        );
    }

    #[test]
    fn a_path_that_is_not_there_is_wrong_usage() {
        let error = refused(resolve(Some("/none"), &Overrides::default(), &Fake::new()));
        assert!(error.contains("the argument (/none): there is no such file or directory -> name the"), "{error}");
    }

    #[test]
    fn a_directory_tells_nothing_of_the_registry() {
        let resolved = ok(resolve(Some("/srv"), &Overrides::default(), &Fake::new().directory("/srv")));
        assert_eq!(resolved.descriptor_cache, DescriptorCache::Unknown);
        assert!(!resolved.readonly && !resolved.harbor && !resolved.location.from_configuration);
    }
}
