//! The variables that name an Azure storage account: those of the Azure CLI, of `azcopy` and of `object_store`.

use super::azure::PUBLIC_REALM;
use super::endpoint;
use super::environment::Environment;
use super::section::wrong;
use crate::error::{Error, Result};
use crate::storage::location::{AzureCredential, Secret};

const CONNECTION_STRING: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// An account, and how to reach it.
pub(super) struct AccountFromEnvironment {
    /// The account's name.
    pub(super) account: String,
    /// A custom endpoint.
    pub(super) endpoint: Option<String>,
    /// How to sign in.
    pub(super) credential: AzureCredential,
}

impl AccountFromEnvironment {
    /// Single variables win over the connection string; a key wins over a shared access signature. Neither: the usual
    /// chain.
    pub(super) fn read(env: &dyn Environment) -> Result<Self> {
        let text = env.variable(CONNECTION_STRING);
        let connection = text.as_deref().map(ConnectionString::parse).transpose()?.unwrap_or_default();
        let named = env.first_of(&["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"]);
        let account = match (named, connection.account) {
            (Some((name, account)), Some(other)) if account != other => {
                let why = format!("names another account than `{CONNECTION_STRING}`");
                return Err(wrong(format!("`{name}`"), why, "unset one of the two"));
            }
            (Some((_, account)), _) | (None, Some(account)) => account,
            (None, None) => {
                let why = "no storage account is named, and a container's URL does not name it";
                let next = format!("set `AZURE_STORAGE_ACCOUNT` or `{CONNECTION_STRING}`");
                return Err(wrong("the environment", why, next));
            }
        };
        let key = env.first_of(&["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"]);
        let sas = env.first_of(&["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"]);
        let credential = match (key, sas) {
            (Some((_, key)), _) => AzureCredential::SharedKey(Secret::new(key)),
            (None, Some((_, sas))) => signature(&sas),
            (None, None) => connection.credential.unwrap_or(AzureCredential::Default),
        };
        let endpoint = match env.first_of(&["AZURE_STORAGE_ENDPOINT"]) {
            Some((name, endpoint)) => Some(
                endpoint::check(&endpoint)
                    .map_err(|why| wrong(format!("`{name}`"), why, "write it as https://HOST"))?,
            ),
            None => match (connection.endpoint, connection.suffix) {
                (None, Some(suffix)) => Some(suffix.endpoint(&account)?),
                (endpoint, _) => endpoint,
            },
        };
        Ok(Self { account, endpoint, credential })
    }
}

fn signature(sas: &str) -> AzureCredential {
    AzureCredential::Sas(Secret::new(sas.trim_start_matches('?')))
}

/// What a connection string says: `AccountName=..;AccountKey=..;EndpointSuffix=..`.
#[derive(Default)]
struct ConnectionString {
    account: Option<String>,
    credential: Option<AzureCredential>,
    endpoint: Option<String>,
    suffix: Option<Suffix>,
}

/// An endpoint that still lacks the account.
struct Suffix {
    protocol: String,
    domain: String,
}

impl Suffix {
    fn endpoint(&self, account: &str) -> Result<String> {
        endpoint::check(&format!("{}://{account}.blob.{}", self.protocol, self.domain)).map_err(unusable)
    }
}

impl ConnectionString {
    fn parse(text: &str) -> Result<Self> {
        let mut parsed = Self::default();
        let (mut key, mut sas, mut protocol, mut domain) = (None, None, None, None);
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| unusable("a part of it is not NAME=VALUE"))?;
            let value = value.trim().to_owned();
            if value.is_empty() {
                continue;
            }
            match name.trim().to_ascii_lowercase().as_str() {
                "accountname" => parsed.account = Some(value),
                "accountkey" => key = Some(value),
                "sharedaccesssignature" => sas = Some(value),
                "blobendpoint" => parsed.endpoint = Some(endpoint::check(&value).map_err(unusable)?),
                "endpointsuffix" => domain = Some(value),
                "defaultendpointsprotocol" => protocol = Some(value.to_ascii_lowercase()),
                "usedevelopmentstorage" => {
                    return Err(unusable(
                        "UseDevelopmentStorage is not understood; name account, key and BlobEndpoint",
                    ));
                }
                // Endpoints of queues, tables and files.
                _ => {}
            }
        }
        if !matches!(protocol.as_deref(), None | Some("https" | "http")) {
            return Err(unusable("its DefaultEndpointsProtocol is neither https nor http"));
        }
        let protocol = protocol.unwrap_or_else(|| "https".into());
        let domain = domain.unwrap_or_else(|| PUBLIC_REALM.into());
        if protocol != "https" || domain != PUBLIC_REALM {
            endpoint::check(&format!("{protocol}://{domain}")).map_err(unusable)?;
            parsed.suffix = Some(Suffix { protocol, domain });
        }
        parsed.account = parsed.account.or_else(|| parsed.endpoint.as_deref().and_then(account_of));
        let sas = sas.as_deref().map(signature);
        parsed.credential = key.map(|key| AzureCredential::SharedKey(Secret::new(key))).or(sas);
        Ok(parsed)
    }
}

/// The account in `https://account.blob.core.windows.net`: a string with a signature need not name it elsewhere.
fn account_of(endpoint: &str) -> Option<String> {
    let (_, host) = endpoint.split_once("://")?;
    let (account, rest) = host.split_once('.')?;
    rest.starts_with("blob.").then(|| account.to_owned())
}

fn unusable(why: &str) -> Error {
    wrong(
        format!("`{CONNECTION_STRING}`"),
        why,
        "copy it again from the portal, or set `AZURE_STORAGE_ACCOUNT` instead",
    )
}

#[cfg(test)]
mod tests {

    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use super::super::environment::fake::{Fake, ok, refused};
    use super::super::resolve::{Overrides, resolve};
    use super::*;
    use crate::storage::location::{AzureLocation, Store};

    fn fake(variables: &[(&str, &str)]) -> Fake {
        variables.iter().fold(Fake::new(), |fake, (name, value)| fake.variable(name, value))
    }

    fn azure(variables: &[(&str, &str)]) -> AzureLocation {
        let resolved = ok(resolve(Some("az://c/one"), &Overrides::default(), &fake(variables)));
        let Store::Azure(azure) = resolved.location.store else { panic!("this is Azure") };
        azure
    }

    fn refusal(variables: &[(&str, &str)]) -> String {
        refused(resolve(Some("az://c"), &Overrides::default(), &fake(variables)))
    }

    #[test]
    fn single_variables_name_account_and_credential() {
        let azure_default = azure(&[("AZURE_STORAGE_ACCOUNT_NAME", "a")]);
        assert_eq!((azure_default.account.as_str(), azure_default.prefix.as_str()), ("a", "one/"));
        assert_eq!((azure_default.endpoint, azure_default.credential), (None, AzureCredential::Default));
        for name in ["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"] {
            let azure = azure(&[("AZURE_STORAGE_ACCOUNT", "a"), (name, "k"), ("AZURE_STORAGE_SAS_TOKEN", "s")]);
            assert_eq!(azure.credential, AzureCredential::SharedKey(Secret::new("k")));
        }
        for name in ["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"] {
            let azure = azure(&[("AZURE_STORAGE_ACCOUNT", "a"), (name, "?sv=1&sig=x")]);
            assert_eq!(azure.credential, AzureCredential::Sas(Secret::new("sv=1&sig=x")));
        }
        let azure = azure(&[("AZURE_STORAGE_ACCOUNT", "a"), ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:10000/a/")]);
        assert_eq!(azure.endpoint.as_deref(), Some("http://127.0.0.1:10000/a"));
    }

    #[test]
    fn connection_strings_are_understood() {
        let of = |text: &str| azure(&[(CONNECTION_STRING, text)]);
        let portal =
            of("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5Cg==;EndpointSuffix=core.windows.net");
        assert_eq!((portal.account.as_str(), portal.endpoint), ("a", None));
        assert_eq!(portal.credential, AzureCredential::SharedKey(Secret::new("a2V5Cg==")));
        let china = of("AccountName=a;AccountKey=k;EndpointSuffix=core.chinacloudapi.cn;");
        assert_eq!(china.endpoint.as_deref(), Some("https://a.blob.core.chinacloudapi.cn"));
        let plain = of("DefaultEndpointsProtocol=http;AccountName=a;AccountKey=k");
        assert_eq!(plain.endpoint.as_deref(), Some("http://a.blob.core.windows.net"));
        let signed = of(
            "BlobEndpoint=https://acc.blob.core.windows.net/;QueueEndpoint=https://q;SharedAccessSignature=sv=1&sig=x",
        );
        assert_eq!(signed.account, "acc");
        assert_eq!(signed.endpoint.as_deref(), Some("https://acc.blob.core.windows.net"));
        assert_eq!(signed.credential, AzureCredential::Sas(Secret::new("sv=1&sig=x")));
        let azurite = of("AccountName=dev;AccountKey=k;BlobEndpoint=http://127.0.0.1:10000/dev;");
        assert_eq!(azurite.endpoint.as_deref(), Some("http://127.0.0.1:10000/dev"));
    }

    #[test]
    fn an_account_must_be_named_once() {
        assert_eq!(
            refusal(&[]),
            "Configuration: read the registry's configuration: the environment: no storage account is named, and a \
             container's URL does not name it -> set `AZURE_STORAGE_ACCOUNT` or `AZURE_STORAGE_CONNECTION_STRING`"
        );
        let error = refusal(&[("AZURE_STORAGE_ACCOUNT", "a"), (CONNECTION_STRING, "AccountName=b;AccountKey=hunter2")]);
        assert!(error.contains("`AZURE_STORAGE_ACCOUNT`: names another account than"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn unusable_connection_strings_are_refused_without_showing_them() {
        for (text, why) in [
            ("hunter2", "a part of it is not NAME=VALUE"),
            ("AccountName=a;hunter2", "a part of it is not NAME=VALUE"),
            ("UseDevelopmentStorage=true", "UseDevelopmentStorage is not understood"),
            ("AccountName=a;BlobEndpoint=https://h?sig=hunter2", "carries a query"),
            ("AccountName=a;EndpointSuffix=u:hunter2@h", "carries credentials"),
            ("AccountName=u:hunter2@h;EndpointSuffix=core.chinacloudapi.cn", "carries credentials"),
            ("AccountName=a;DefaultEndpointsProtocol=hunter2", "neither https nor http"),
        ] {
            let error = refusal(&[(CONNECTION_STRING, text)]);
            assert!(error.contains(why) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
