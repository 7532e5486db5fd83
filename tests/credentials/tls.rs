//! Encrypted endpoints: what is trusted, and that nothing goes out in the clear unasked.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, ObjectStoreExt as _};
use tempfile::TempDir;

use crate::home::{Home, registry};
use crate::lab::bucket::Bucket;
use crate::lab::tree::{Tree, read_dir};
use crate::real::process::{Process, find, on_a_free_port};
use crate::real::{self, Authority};

const SECRET_KEY: &str = "tls/must-not-show";

/// `moto_server` behind TLS, with the sample in its bucket `registry`.
struct Secure {
    port: u16,
    _process: Process,
    _home: TempDir,
}

fn sample() -> Tree {
    let mut tree = read_dir(&real::sample::directory());
    tree.retain(|key, _| key.starts_with("docker/"));
    tree
}

impl Secure {
    fn start(authority: &Authority, certificate: &str) -> Result<Self> {
        let program = find("moto_server", "the Python package moto (pip install 'moto[server]')")?;
        let home = tempfile::tempdir()?;
        let (process, port) = on_a_free_port(|port| {
            let (port_text, pem) = (port.to_string(), authority.file(&format!("{certificate}.pem")));
            let key = authority.file(&format!("{certificate}.key"));
            let args = ["-H", "127.0.0.1", "-p", &port_text, "-s", "-c", &pem, "-k", &key].map(OsString::from);
            let process = Process::start("moto_server", &program, &args, &home.path().join("moto.log"))?;
            create_bucket(&process, port)?;
            Ok((process, port))
        })?;
        let secure = Self { port, _process: process, _home: home };
        tokio::runtime::Runtime::new()?.block_on(secure.fill())?;
        Ok(secure)
    }

    async fn fill(&self) -> Result<()> {
        let store = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_bucket_name("registry")
            .with_access_key_id(real::moto::ACCESS_KEY_ID)
            .with_secret_access_key(real::moto::SECRET_ACCESS_KEY)
            .with_region(real::moto::REGION)
            .with_client_options(ClientOptions::new().with_allow_invalid_certificates(true))
            .build()?;
        for (key, entry) in sample() {
            store.put(&object_store::path::Path::from(key), entry.bytes.into()).await?;
        }
        Ok(())
    }

    fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

/// Creates the bucket as soon as the server answers.
fn create_bucket(process: &Process, port: u16) -> Result<()> {
    let start = Instant::now();
    let url = format!("https://127.0.0.1:{port}/registry");
    loop {
        let put =
            Command::new("curl").args(["--noproxy", "*", "-ksSf", "-X", "PUT", "-o", "/dev/null", &url]).output()?;
        if put.status.success() {
            return Ok(());
        }
        if start.elapsed() > Duration::from_mins(1) {
            let why = String::from_utf8_lossy(&put.stderr).into_owned();
            bail!("moto_server does not answer: {why}; it said:\n{}", process.said());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn home() -> Home {
    let mut home = Home::new();
    home.set("AWS_ACCESS_KEY_ID", "AKIATLS").set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    home
}

fn config(home: &Home, endpoint: &str, more: &str) -> String {
    home.write(
        "config.yml",
        &format!(
            "version: 0.1\nstorage:\n  s3:\n    accesskey: AKIATLS\n    secretkey: {SECRET_KEY}\n    region: us-east-1\n    \
             regionendpoint: {endpoint}\n    bucket: registry\n{more}"
        ),
    )
}

#[test]
fn an_own_authority_is_trusted_by_ca_file_and_only_then() -> Result<()> {
    let authority = Authority::new()?;
    let server = Secure::start(&authority, "server")?;
    let home = home();
    let url = server.endpoint();
    let place = ["s3://registry", "--region", "us-east-1", "--endpoint-url", &url];

    let said = home.fails(&[1], &place);
    assert!(said.contains("next:") && said.contains("--ca-file"), "{said}");
    let stranger = Authority::new()?;
    let said = home.fails(&[1], &[&place[..], &["--ca-file", &stranger.file("ca.pem")]].concat());
    assert!(said.contains("next:") && said.contains("--ca-file"), "{said}");
    // A configuration says so itself, and only `skipverify: true` does.
    let said = home.fails(&[1], &[&config(&home, &url, "    skipverify: false\n")]);
    assert!(said.contains("next:"), "{said}");
    let look = ["gc", "--offline", "--dry-run", "-m", "--format", "json"];
    let path = config(&home, &url, "    skipverify: true\n");
    let seen = home.run(&[&look[..], &[&path]].concat()).expect(0);
    assert!(seen.count("/planned/blobs/count") > 0);
    // A bundle of several certificates is as good as one.
    let both = [authority.file("ca.pem"), stranger.file("ca.pem")].map(|file| std::fs::read_to_string(file).unwrap());
    let bundle = home.write("bundle.pem", &both.concat());
    home.run(&[&look[..], &place, &["--ca-file", &bundle]].concat()).expect(0);
    let ran = home.collects(&[&place[..], &["--ca-file", &authority.file("ca.pem")]].concat());
    assert_eq!(ran.count("/failed") + ran.count("/unknown"), 0, "{}", ran.stdout);
    // The port speaks TLS: a URL that says http:// gets nowhere.
    let clear = url.replace("https://", "http://");
    home.fails(&[1], &["s3://registry", "--region", "us-east-1", "--endpoint-url", &clear]);
    Ok(())
}

/// `openssl req -x509` makes an authority's certificate, which no server may show: the next step says what to make.
#[test]
fn an_authority_that_serves_is_refused_with_what_to_do() -> Result<()> {
    let authority = Authority::new()?;
    let server = Secure::start(&authority, "both")?;
    let url = server.endpoint();
    let place =
        ["s3://registry", "--region", "us-east-1", "--endpoint-url", &url, "--ca-file", &authority.file("both.pem")];
    let home = home();
    let said = home.fails(&[1], &place);
    assert!(said.contains("next:") && said.contains("CA:FALSE"), "{said}");
    let path = config(&home, &url, "    skipverify: true\n");
    home.run(&["gc", "--offline", "--dry-run", &path]).expect(0);
    Ok(())
}

/// As small stores make them for themselves: signed by nobody else, and no authority's.
#[test]
fn certificate_that_signed_itself_is_trusted_by_ca_file() -> Result<()> {
    let authority = Authority::new()?;
    let server = Secure::start(&authority, "self")?;
    let url = server.endpoint();
    let place = ["s3://registry", "--region", "us-east-1", "--endpoint-url", &url];
    home().collects(&[&place[..], &["--ca-file", &authority.file("self.pem")]].concat());
    Ok(())
}

#[test]
fn nothing_goes_out_in_the_clear_unless_the_url_says_http() {
    let bucket = Bucket::s3("registry");
    registry().load_into(&bucket, "");
    let mut home = home();
    home.set("AWS_ALLOW_HTTP", "true");
    let secure = bucket.endpoint().replace("http://", "https://");
    let bare = bucket.endpoint().replace("http://", "");
    let place = |url| ["s3://registry", "--region", "us-east-1", "--endpoint-url", url];
    home.fails(&[1], &place(&secure));
    for endpoint in [&secure, &bare] {
        home.fails(&[1], &[&config(&home, endpoint, "")]);
    }
    assert_eq!(bucket.log(), []);
    home.collects(&place(&bucket.endpoint()));
    assert!(!bucket.log().is_empty());
}

#[test]
fn a_ca_file_that_is_none_is_a_mistake_of_usage() {
    let home = home();
    home.write("empty.pem", "");
    home.write("text.pem", "no certificate, must-not-show\n");
    home.write("key.pem", "-----BEGIN PRIVATE KEY-----\nbXVzdC1ub3Qtc2hvdw==\n-----END PRIVATE KEY-----\n");
    home.write("cut.pem", "-----BEGIN CERTIFICATE-----\nbXVzdC1ub3Qtc2hvdw==\n");
    home.write("bad.pem", "-----BEGIN CERTIFICATE-----\nbXVzdC1ub3Qtc2hvdw==\n-----END CERTIFICATE-----\n");
    for name in ["missing.pem", "empty.pem", "text.pem", "key.pem", "cut.pem", "bad.pem"] {
        let file = home.path(name).display().to_string();
        let place = ["s3://registry", "--region", "us-east-1", "--endpoint-url", "https://127.0.0.1:1"];
        let said = home.fails(&[2], &[&place[..], &["--ca-file", &file]].concat());
        assert!(said.contains(name) && said.contains("next:"), "{said}");
        assert!(Path::new(&file).starts_with(home.path("")));
    }
}
