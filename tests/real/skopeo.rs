//! Images made and moved by other people's tools: umoci and skopeo.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::content::Flavour;
use super::layer::noise;
use super::process::{find, run};

/// Makes an OCI layout in `dir` from nothing, with one image, `a`, of one layer. Its config carries the time of day, so
/// its digest differs from run to run.
pub fn make_oci_layout(dir: &Path, seed: u64) -> Result<PathBuf> {
    let umoci = find("umoci", "umoci (apt-get install umoci)")?;
    let layout = dir.join("layout");
    let content = dir.join("content");
    std::fs::create_dir_all(&content)?;
    std::fs::write(content.join("noise"), noise(seed, 4000))?;
    let image = format!("{}:a", layout.display());
    run(Command::new(&umoci).args(["init", "--layout"]).arg(&layout))?;
    run(Command::new(&umoci).args(["new", "--image", &image]))?;
    run(Command::new(&umoci).args(["insert", "--rootless", "--image", &image]).arg(&content).arg("/content"))?;
    Ok(layout)
}

/// Copies the layout's image to `name`, `repository:tag`, of the registry at `host`, as OCI or converted to schema 2.
pub fn push(layout: &Path, host: &str, name: &str, flavour: Flavour) -> Result<()> {
    let format = if flavour == Flavour::Docker { "v2s2" } else { "oci" };
    let from = format!("oci:{}:a", layout.display());
    let to = format!("docker://{host}/{name}");
    run(skopeo()?.args(["copy", "--quiet", "--dest-tls-verify=false", "--format", format, &from, &to]))?;
    Ok(())
}

/// Pulls `name`, `repository:tag` or `repository@digest`, with all its platforms into a new directory below `dir`;
/// skopeo verifies every digest.
pub fn pull(host: &str, name: &str, dir: &Path) -> Result<PathBuf> {
    let into = tempfile::Builder::new().prefix("pull").tempdir_in(dir)?.keep();
    let (from, to) = (format!("docker://{host}/{name}"), format!("dir:{}", into.display()));
    run(skopeo()?.args(["copy", "--quiet", "--all", "--src-tls-verify=false", &from, &to]))?;
    Ok(into)
}

/// Without a policy file, which the package only recommends.
fn skopeo() -> Result<Command> {
    let mut command = Command::new(find("skopeo", "skopeo (apt-get install skopeo)")?);
    command.arg("--insecure-policy");
    Ok(command)
}
