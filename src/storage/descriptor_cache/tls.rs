//! TLS to the cache's server, trusting what the registry trusts.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::clients::no_ca_file;
use crate::storage::location::{ClientCertificate, RedisTls};
use crate::storage::open::Connection;
use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

const DOING: &str = "read the certificates for Redis";

/// What encrypts connections. As in the registry, `rootcas` stand in the place of the system's certificates; `--ca-file`
/// stands beside either.
pub(super) fn connector(tls: &RedisTls, named_by: &str, connection: &Connection) -> Result<TlsConnector> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let unusable = |error: rustls::Error| {
        let error = Error::new(ErrorKind::Configuration, DOING).on(named_by).because(error.to_string());
        error.next("check the files that `redis.tls` and --ca-file name")
    };
    let beside = match &connection.ca_file {
        Some(file) => certificates(file).map_err(|why| no_ca_file(file, why))?,
        None => Vec::new(),
    };
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = versions.map_err(unusable)?;
    let builder = if tls.root_cas.is_empty() {
        let verifier = system_and(beside, provider).map_err(unusable)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    } else {
        let mut roots = RootCertStore::empty();
        for certificate in named(&tls.root_cas, connection)?.into_iter().chain(beside) {
            roots.add(certificate).map_err(unusable)?;
        }
        builder.with_root_certificates(roots)
    };
    let config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = shown(client)?;
            builder.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The verifier that all other connections use.
fn system_and(
    beside: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> std::result::Result<Verifier, rustls::Error> {
    if beside.is_empty() { Verifier::new(provider) } else { Verifier::new_with_extra_roots(beside, provider) }
}

/// The certificates of `rootcas`. A file of the registry's container that is not here can be given with `--ca-file`.
fn named(files: &[std::path::PathBuf], connection: &Connection) -> Result<Vec<CertificateDer<'static>>> {
    let mut all = Vec::new();
    for file in files {
        match certificates(file) {
            Ok(certificates) => all.extend(certificates),
            Err(_) if connection.ca_file.is_some() => {}
            Err(why) => {
                let next = "`redis.tls.rootcas` names it as the registry sees it, perhaps in a container: give the PEM \
                            file of the authority with --ca-file";
                return Err(unread(file, why, next));
            }
        }
    }
    Ok(all)
}

/// The certificate to show, with its chain, and its key.
fn shown(client: &ClientCertificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let next = "`redis.tls` names it as the registry sees it, perhaps in a container: put it there for regsweep too";
    let chain = certificates(&client.certificate).map_err(|why| unread(&client.certificate, why, next))?;
    let key =
        PrivateKeyDer::from_pem_file(&client.key).map_err(|error| unread(&client.key, error.to_string(), next))?;
    Ok((chain, key))
}

fn unread(file: &Path, why: String, next: &str) -> Error {
    Error::new(ErrorKind::Configuration, DOING).on(file.display().to_string()).because(why).next(next)
}

/// The certificates of a PEM file; one at least.
fn certificates(file: &Path) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() { Err("there is no certificate in it".into()) } else { Ok(found) }
}

/// What the server's certificate must be for.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}
