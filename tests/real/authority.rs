//! Certificates for tests, made by `openssl`.

use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use super::process::run;

/// A certificate authority, and certificates that it signed: for a server on 127.0.0.1, and for a client.
#[derive(Debug)]
pub struct Authority {
    directory: TempDir,
}

impl Authority {
    /// Makes it, with a private directory for its files.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let openssl = |line: &str| {
            let mut command = Command::new("openssl");
            run(command.args(line.split_whitespace()).current_dir(directory.path()))
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=laboratory"))?;
        for (name, usage) in [("server", "serverAuth"), ("client", "clientAuth")] {
            openssl(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN=127.0.0.1"))?;
            std::fs::write(
                directory.path().join(format!("{name}.ext")),
                format!("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n"),
            )?;
            openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.pem"
            ))?;
        }
        // What openssl makes when it is not told otherwise: an authority's certificate.
        openssl(&format!(
            "req -x509 {key} -keyout both.key -out both.pem -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
        ))?;
        openssl(&format!(
            "req -x509 {key} -addext basicConstraints=critical,CA:FALSE -keyout self.key -out self.pem -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
        ))?;
        Ok(Self { directory })
    }

    /// The path of a file: `ca.pem`; `server.pem`, `client.pem`, and, signed by themselves, `both.pem` and `self.pem`, each
    /// with a `.key`.
    pub fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }
}
