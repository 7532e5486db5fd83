//! Azure Blob Storage, in both of the forms that registries write their keys in.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tempfile::TempDir;

use crate::lab::tree::{Entry, Tree};
use crate::real::azurite::{ACCOUNT, ACCOUNT_KEY, azure};
use crate::real::copy::{copy_tree_to_azure, list};
use crate::real::{self, Azurite};
use crate::sample;
use crate::tool::{Ran, regsweep_with};

/// What every run here does: all that may go at all.
const LINE: [&str; 8] = ["gc", "--offline", "-m", "--uploads-older-than", "0s", "--format", "json", "-R"];

struct Account {
    azurite: Azurite,
    home: TempDir,
}

impl Account {
    /// An account whose container holds the sample in these forms, below the prefix.
    async fn with_sample(forms: &[bool], prefix: &str) -> Result<Self> {
        let account = Self { azurite: Azurite::start("registry")?, home: tempfile::tempdir()? };
        real::sample::copy(&account.root())?;
        for slash in forms {
            let endpoint = account.azurite.endpoint();
            copy_tree_to_azure(&account.root(), &endpoint, "registry", prefix, *slash).await?;
        }
        Ok(account)
    }

    fn root(&self) -> PathBuf {
        self.home.path().join("root")
    }

    /// Runs regsweep on the container's URL, with the account in the environment.
    fn run_url(&self, url: &str) -> Ran {
        let variables = [
            ("AZURE_STORAGE_ACCOUNT", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_KEY", ACCOUNT_KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", self.azurite.endpoint()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        regsweep_with(LINE.into_iter().chain([url]), variables)
    }

    /// Runs regsweep on a registry's configuration, with nothing in the environment.
    fn run_config(&self, azure: &[&str], more: &[&str]) -> Ran {
        let config = self.home.path().join("config.yml");
        let azure = azure.join("\n    ");
        std::fs::write(&config, format!("version: 0.1\nstorage:\n  azure:\n    {azure}\n")).unwrap();
        let config = config.display().to_string();
        regsweep_with(LINE.into_iter().chain([config.as_str()]).chain(more.iter().copied()), [])
    }

    /// Everything in the container whose name begins with a slash, or does not.
    async fn tree(&self, slash: bool) -> Result<Tree> {
        let keys = list(&azure(&self.azurite.endpoint(), "registry")?, if slash { "/" } else { "" }).await?;
        let slashed = list(&azure(&self.azurite.endpoint(), "registry")?, "/").await?;
        let store = azure(&self.azurite.endpoint(), if slash { "registry/" } else { "registry" })?;
        let mut tree = Tree::new();
        for key in keys.into_keys().filter(|key| slash || !slashed.contains_key(key)) {
            let bytes = store.get(&Path::parse(&key)?).await?.bytes().await?;
            tree.insert(key, Entry { bytes, mtime: SystemTime::UNIX_EPOCH });
        }
        Ok(tree)
    }
}

#[tokio::test]
async fn container_of_registry_2_is_collected_by_its_url() -> Result<()> {
    let account = Account::with_sample(&[true], "").await?;
    let ran = account.run_url("az://registry").expect(0);
    assert_eq!(ran.count("/failed") + ran.count("/unknown"), 0);
    sample::assert_collected(&account.tree(true).await?, "slashed, URL")?;
    assert!(account.tree(false).await?.is_empty());
    let again = account.run_url("az://registry").expect(0);
    assert_eq!(again.count("/entries/deleted"), 0, "{again:#?}");
    Ok(())
}

#[tokio::test]
async fn container_of_registry_2_is_collected_by_its_configuration() -> Result<()> {
    let account = Account::with_sample(&[true], "").await?;
    let (name, key) = (format!("accountname: {ACCOUNT}"), format!("accountkey: {ACCOUNT_KEY}"));
    let lines = [&name, &key, "container: registry", "realm: core.windows.net"];
    // 2.8 builds its address from the account and the realm, which no emulator has.
    account.run_config(&lines, &["--endpoint-url", &account.azurite.endpoint()]).expect(0);
    sample::assert_collected(&account.tree(true).await?, "slashed, configuration")
}

#[tokio::test]
async fn container_of_registry_3_is_collected_by_its_url() -> Result<()> {
    let account = Account::with_sample(&[false], "").await?;
    account.run_url("az://registry").expect(0);
    sample::assert_collected(&account.tree(false).await?, "v3, URL")?;
    assert!(account.tree(true).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn container_of_registry_3_is_collected_by_its_configuration_below_its_root() -> Result<()> {
    let account = Account::with_sample(&[false], "some/root").await?;
    let (name, key) = (format!("accountname: {ACCOUNT}"), format!("accountkey: {ACCOUNT_KEY}"));
    let url = format!("serviceurl: {}", account.azurite.endpoint());
    let credentials = ["credentials:", "  type: shared_key"];
    let lines = [&[name.as_str(), &key, &url, "container: registry", "rootdirectory: /some/root"][..], &credentials];
    account.run_config(&lines.concat(), &[]).expect(0);
    let after = crate::lab::tree::below(&account.tree(false).await?, "some/root/");
    sample::assert_collected(&after, "v3, configuration")
}

#[tokio::test]
async fn container_with_both_forms_is_refused_and_loses_nothing() -> Result<()> {
    let account = Account::with_sample(&[true, false], "").await?;
    let store = azure(&account.azurite.endpoint(), "registry")?;
    let ran = account.run_url("az://registry").expect(3);
    assert_eq!(ran.refusals(), ["both-key-forms"], "{ran:#?}");
    assert!(ran.stderr.contains("--allow both-key-forms"), "{ran:#?}");
    assert_eq!(ran.count("/entries/deleted"), 0);
    let all: BTreeSet<_> = sample::tree().into_keys().collect();
    assert_eq!(list(&store, "/docker/").await?.into_keys().collect::<BTreeSet<_>>(), all);
    assert_eq!(list(&store, "docker/").await?.into_keys().collect::<BTreeSet<_>>(), all);
    Ok(())
}
