//! An Azure Blob Storage in memory: `azurite-blob`.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::HttpRequestBody;
use tempfile::TempDir;

use super::process::{Process, find, on_a_free_port, request, send};

/// The one account of the emulator.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which the emulator's documentation publishes: no secret.
pub const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running azurite with one empty container.
#[derive(Debug)]
pub struct Azurite {
    process: Process,
    port: u16,
    container: String,
    _home: TempDir,
}

impl Azurite {
    /// Starts the server and creates `container` (three characters at least).
    pub fn start(container: &str) -> Result<Self> {
        let program = program()?;
        let home = tempfile::tempdir()?;
        let (process, port) = on_a_free_port(|port| {
            let port_text = port.to_string();
            let given = ["--blobHost", "127.0.0.1", "--blobPort", &port_text, "--silent", "--skipApiVersionCheck"];
            let mut args: Vec<_> = given.iter().map(Into::into).collect();
            args.extend(["--disableTelemetry".into(), "--inMemoryPersistence".into()]);
            let process = Process::start("azurite-blob", &program, &args, &home.path().join("azurite.log"))?;
            process.wait_until_it_answers(port, "/")?;
            Ok((process, port))
        })?;
        let azurite = Self { process, port, container: container.to_owned(), _home: home };
        azurite.create_container(container)?;
        Ok(azurite)
    }

    /// Creates one more container.
    pub fn create_container(&self, container: &str) -> Result<()> {
        let path = format!("/{ACCOUNT}/{container}?restype=container");
        let uri = format!("http://127.0.0.1:{}{path}", self.port);
        let mut signed = http::Request::put(uri).body(HttpRequestBody::empty())?;
        let key = AzureCredential::AccessKey(AzureAccessKey::try_new(ACCOUNT_KEY)?);
        AzureAuthorizer::new(&key, ACCOUNT).try_authorize(&mut signed)?;
        let headers = signed.headers().iter();
        let headers: Result<Vec<_>> =
            headers.map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned()))).collect();
        let status = request(self.port, "PUT", &path, &headers?)?;
        ensure!(status == 201, "azurite answers {status} to the creation of {container}:\n{}", self.process.said());
        Ok(())
    }

    /// Keeps what is deleted for so many days, as far as the account's properties say it.
    pub async fn keep_deleted(&self, days: u32) -> Result<()> {
        let policy =
            format!("<DeleteRetentionPolicy><Enabled>true</Enabled><Days>{days}</Days></DeleteRetentionPolicy>");
        let body = format!("<?xml version=\"1.0\"?><StorageServiceProperties>{policy}</StorageServiceProperties>");
        let uri = format!("{}/?restype=service&comp=properties", self.endpoint());
        let request = http::Request::put(uri).header("content-type", "application/xml");
        let mut signed = request.header("content-length", body.len()).body(HttpRequestBody::from(body))?;
        let key = AzureCredential::AccessKey(AzureAccessKey::try_new(ACCOUNT_KEY)?);
        AzureAuthorizer::new(&key, ACCOUNT).try_authorize(&mut signed)?;
        let (status, answer) = send(signed).await?;
        ensure!(status == 202, "azurite answers {status} to the account's properties: {answer}");
        Ok(())
    }

    /// The endpoint with the account in its path, as the emulator wants it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// The container that was created at the start.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The variables a program that builds its client from the environment, as `object_store` does, needs. The emulator
    /// flag matters: azurite ignores `startFrom`, and only with the flag does `object_store` filter offsets itself.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY.to_owned()),
            ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
            ("AZURE_STORAGE_ENDPOINT", self.endpoint()),
            ("AZURITE_BLOB_STORAGE_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// A client of the container that was created at the start. It has no emulator flag, so `list_with_offset` gives
    /// everything.
    pub fn store(&self) -> Result<MicrosoftAzure> {
        azure(&self.endpoint(), &self.container)
    }
}

/// A client of a container; `<name>/` as the container makes every blob name begin with a slash.
pub fn azure(endpoint: &str, container: &str) -> Result<MicrosoftAzure> {
    let builder = MicrosoftAzureBuilder::new().with_endpoint(endpoint.to_owned()).with_allow_http(true);
    let builder = builder.with_account(ACCOUNT).with_access_key(ACCOUNT_KEY).with_container_name(container);
    Ok(builder.build()?)
}

/// The path of `azurite-blob`: `REGSWEEP_AZURITE` if set, else from `PATH`.
fn program() -> Result<PathBuf> {
    match std::env::var_os("REGSWEEP_AZURITE") {
        Some(path) => {
            let path = PathBuf::from(path);
            path.is_file().then_some(path).ok_or_else(|| anyhow!("is not a file")).context("REGSWEEP_AZURITE")
        }
        None => find("azurite-blob", "the npm package azurite (npm install azurite; REGSWEEP_AZURITE may name it)"),
    }
}
