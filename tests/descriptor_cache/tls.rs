//! Encrypted connections: what is trusted, and what is shown.

use anyhow::Result;
use regsweep::cli::words;
use regsweep::error::ErrorKind;
use regsweep::storage::descriptor_cache::Evictor;
use regsweep::storage::location::{ClientCertificate, HostPort, RedisCache, RedisServer, RedisTls};
use regsweep::storage::open::Connection;

use crate::entries::{Entries, keys};
use crate::real::process::on_a_free_port;
use crate::real::{Authority, Redis, Registry};

struct Encrypted {
    redis: Redis,
    port: u16,
}

/// A server that speaks TLS on one port, and plainly on another.
fn start(authority: &Authority, certificate: &str, clients: &str) -> Result<Encrypted> {
    let (pem, key) = (authority.file(&format!("{certificate}.pem")), authority.file(&format!("{certificate}.key")));
    on_a_free_port(|port| {
        let redis = Redis::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &pem,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority.file("ca.pem"),
            "--tls-auth-clients",
            clients,
        ])?;
        Ok(Encrypted { redis, port })
    })
}

impl Encrypted {
    fn cache(&self, tls: RedisTls) -> RedisCache {
        RedisCache { tls: Some(tls), ..crate::real::redis::cache(self.port) }
    }

    async fn evicts(&self, tls: RedisTls, connection: &Connection) -> Result<()> {
        let mut look = self.redis.look("")?;
        let all = Entries::new(&["app"], 2000);
        all.fill(&mut look)?;
        let evictor = Evictor::connect(&self.cache(tls), connection).await?;
        assert_eq!(all.evict(&evictor).await?, all.all());
        assert!(keys(&mut look)?.is_empty());
        Ok(())
    }
}

async fn refuses(cache: &RedisCache, connection: &Connection, kind: ErrorKind, words: &[&str]) {
    let error = Evictor::connect(cache, connection).await.expect_err("no connection");
    let told = words::error(&error);
    assert_eq!(error.kind(), kind, "{told}");
    for word in words.iter().chain(&["next: "]) {
        assert!(told.contains(word), "{word:?} is not told: {told}");
    }
}

fn ca_file(file: String) -> Connection {
    Connection { ca_file: Some(file.into()), ..Connection::default() }
}

#[tokio::test]
async fn an_own_authority_is_trusted_where_it_is_named_and_only_then() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let server = start(&authority, "server", "no")?;
    let ours = ca_file(authority.file("ca.pem"));
    let plain = RedisTls::default;
    let rooted = |files: &[String]| RedisTls { client: None, root_cas: files.iter().map(Into::into).collect() };
    server.evicts(plain(), &ours).await?;
    server.evicts(rooted(&[authority.file("ca.pem")]), &Connection::default()).await?;
    server.evicts(rooted(&[stranger.file("ca.pem"), authority.file("ca.pem")]), &Connection::default()).await?;
    // What the registry's container has is not here: --ca-file stands in for it.
    server.evicts(rooted(&["/none/ca.pem".to_owned()]), &ours).await?;

    let nobody = Connection::default();
    let untrusted = ["the server's certificate is not trusted", "--ca-file", "`redis.addr` (line 7 of config.yml)"];
    for (tls, connection) in [
        (plain(), nobody.clone()),
        (plain(), ca_file(stranger.file("ca.pem"))),
        (rooted(&[stranger.file("ca.pem")]), nobody.clone()),
    ] {
        refuses(&server.cache(tls), &connection, ErrorKind::Unreachable, &untrusted).await;
    }
    let mut elsewhere = server.cache(plain());
    elsewhere.server = RedisServer::At(HostPort { host: "localhost".to_owned(), port: server.port });
    refuses(&elsewhere, &ours, ErrorKind::Unreachable, &["the server's certificate is not trusted"]).await;
    let missing = rooted(&["/none/ca.pem".to_owned()]);
    let told = ["/none/ca.pem", "No such file", "--ca-file"];
    refuses(&server.cache(missing), &nobody, ErrorKind::Configuration, &told).await;
    let none = ca_file(authority.file("ca.key"));
    refuses(&server.cache(plain()), &none, ErrorKind::Usage, &["ca.key", "there is no certificate in it"]).await;
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_where_it_is_named() -> Result<()> {
    let authority = Authority::new()?;
    let server = start(&authority, "self", "no")?;
    server.evicts(RedisTls::default(), &ca_file(authority.file("self.pem"))).await?;
    let server = start(&authority, "both", "no")?;
    let both = ca_file(authority.file("both.pem"));
    refuses(&server.cache(RedisTls::default()), &both, ErrorKind::Unreachable, &["CA:FALSE"]).await;
    Ok(())
}

#[tokio::test]
async fn the_registrys_own_certificate_is_shown() -> Result<()> {
    let authority = Authority::new()?;
    let server = start(&authority, "server", "yes")?;
    let ours = ca_file(authority.file("ca.pem"));
    let showing = |certificate: &str, key: &str| RedisTls {
        client: Some(ClientCertificate {
            certificate: authority.file(certificate).into(),
            key: authority.file(key).into(),
        }),
        root_cas: vec![],
    };
    server.evicts(showing("client.pem", "client.key"), &ours).await?;
    let nothing = server.cache(RedisTls::default());
    refuses(&nothing, &ours, ErrorKind::Unreachable, &["the server wants a certificate to be shown"]).await;
    for (certificate, key, word) in [
        ("none.pem", "client.key", "none.pem"),
        ("client.pem", "none.key", "none.key"),
        ("client.pem", "ca.pem", "ca.pem"),
    ] {
        let told = [word, "`redis.tls`"];
        refuses(&server.cache(showing(certificate, key)), &ours, ErrorKind::Configuration, &told).await;
    }
    let foreign = server.cache(showing("client.pem", "server.key"));
    refuses(&foreign, &ours, ErrorKind::Configuration, &["`redis.tls`"]).await;
    Ok(())
}

#[tokio::test]
async fn plain_and_encrypted_are_not_mixed_up() -> Result<()> {
    let authority = Authority::new()?;
    let server = start(&authority, "server", "no")?;
    let ours = ca_file(authority.file("ca.pem"));
    // Redis waits for the end of a line; a server that answers a line it does not understand is told at once.
    let plain = RedisCache { tls: Some(RedisTls::default()), ..server.redis.cache() };
    let told = ["no answer within 5 s", "whether the connection is to be encrypted"];
    refuses(&plain, &ours, ErrorKind::Unreachable, &told).await;
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    let port = registry.host().rsplit(':').next().unwrap().parse()?;
    let foreign = RedisCache { tls: Some(RedisTls::default()), ..crate::real::redis::cache(port) };
    let told = ["does not speak TLS", "whether the connection is to be encrypted"];
    refuses(&foreign, &ours, ErrorKind::Unreachable, &told).await;
    let encrypted = RedisCache { tls: None, ..server.cache(RedisTls::default()) };
    // What it answers may be lost when it closes the connection.
    let told = ["whether the connection is to be encrypted"];
    refuses(&encrypted, &ours, ErrorKind::Unreachable, &told).await;
    Ok(())
}
