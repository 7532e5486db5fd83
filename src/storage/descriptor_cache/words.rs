//! What a server's refusal means, for the person who has to do something about it.
//!
//! What a server says to a password is never repeated: some of them repeat the password.

use crate::error::ErrorKind;
use crate::storage::explain::{certificate, shortened};
use crate::storage::location::HostPort;
use redis::{ErrorKind as Kind, RedisError};
use std::time::Duration;

/// What was being done.
pub(super) const DOING: &str = "reach the registry's descriptor cache";

/// The kind of the failure, why, and what to do. Of the kind [`ErrorKind::Unreachable`] is what may pass.
pub(super) type Words = (ErrorKind, String, String);

const CHECK: &str = "check the address, and that the server runs and can be reached from here; or say with \
                     --descriptor-cache what the registry uses";
const ENCRYPTED: &str = "check the port, and whether the connection is to be encrypted";
const CLUSTER: &str = "say --descriptor-cache inmemory: then it is treated as a cache that cannot be reached";

/// No connection.
pub(super) fn unreachable(server: &HostPort, why: &str) -> Words {
    (ErrorKind::Unreachable, format!("{server}: {why}"), CHECK.into())
}

/// No connection in time. A server of Redis without TLS waits for the rest of what it takes for a command.
pub(super) fn not_opened(server: &HostPort, within: Duration, encrypted: bool) -> Words {
    let (kind, why, next) = unreachable(server, &late(within));
    (kind, why, if encrypted { format!("{ENCRYPTED}; {next}") } else { next })
}

fn late(within: Duration) -> String {
    format!("no answer within {} s", within.as_secs())
}

/// A host that no certificate can be for.
pub(super) fn no_name(server: &HostPort) -> Words {
    let why = format!("no certificate can be for the host of {server}");
    (ErrorKind::Configuration, why, "write a DNS name or an IP address".into())
}

/// A connection, but no TLS on it.
pub(super) fn not_encrypted(server: &HostPort, error: &std::io::Error) -> Words {
    let text = error.to_string();
    if let Some((why, next)) = certificate(&text) {
        return (ErrorKind::Unreachable, format!("{server}: {why}"), next.into());
    }
    if text.contains("InvalidContentType") {
        let why = format!("{server}: what answers there does not speak TLS");
        return (ErrorKind::Unreachable, why, ENCRYPTED.into());
    }
    unreachable(server, &shortened(&text))
}

/// An answer to user and password.
pub(super) fn not_signed_in(error: &RedisError, within: Duration) -> Words {
    match error.code() {
        Some(code @ ("WRONGPASS" | "NOAUTH" | "ERR")) => {
            let next = "check user and password";
            (
                ErrorKind::Credentials,
                format!("the server does not accept the user or the password ({code})"),
                next.into(),
            )
        }
        Some(code) => said(code, None),
        None => broken(error, within),
    }
}

/// A sentinel that watches other masters.
pub(super) fn no_master(name: &str) -> Words {
    let why = format!("it knows no master of the name {name}");
    (ErrorKind::Configuration, why, "check the name and the addresses of the sentinels".into())
}

/// What a sentinel says is not what the server says.
pub(super) fn of_sentinel(sentinel: &HostPort, (kind, why, next): Words) -> Words {
    let next =
        format!("{next} (sentinels have a user and a password of their own: `sentinelusername`, `sentinelpassword`)");
    (kind, format!("the sentinel {sentinel}: {why}"), next)
}

/// An answer to the choice of a database.
pub(super) fn no_database(error: &RedisError, database: u32) -> Words {
    let said = shortened(error.detail().unwrap_or_default());
    let why = format!("the server does not give the database {database} ({said})");
    (ErrorKind::Configuration, why, "check the number of the database".into())
}

/// Any other answer, or none.
pub(super) fn refused(error: &RedisError, with_password: bool, within: Duration) -> Words {
    // Of the failures in a pipeline, the first.
    let of_pipeline = error.clone().into_server_errors();
    let first = of_pipeline.as_ref().and_then(|errors| errors.first()).map(|(_, error)| error);
    match first {
        Some(error) if error.code() == "NOAUTH" && with_password => {
            let why = "the server does not accept the password (NOAUTH)";
            (ErrorKind::Credentials, why.into(), "check the password".into())
        }
        Some(error) => said(error.code(), error.details()),
        None => broken(error, within),
    }
}

fn said(code: &str, details: Option<&str>) -> Words {
    let (kind, why, next) = match code {
        "NOAUTH" => {
            (ErrorKind::Credentials, "the server wants a password", "give the password that the registry gives")
        }
        "NOPERM" => (
            ErrorKind::Permission,
            "the user may not remove the registry's entries",
            "allow it +ping +select +del +srem on ~blobs::* and ~repository::*",
        ),
        "DENIED" => (
            ErrorKind::Unreachable,
            "the server is in protected mode, and takes connections of its own machine only",
            "run regsweep where the registry runs, or give the server a password",
        ),
        "READONLY" => (
            ErrorKind::Unreachable,
            "the server is a replica, from which nothing can be removed",
            "give the address of the master",
        ),
        "LOADING" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" => {
            (ErrorKind::Unreachable, "the server is not ready", "try again when it is")
        }
        "CROSSSLOT" | "MOVED" | "ASK" | "CLUSTERDOWN" => (
            ErrorKind::Configuration,
            "the server is a node of a Redis Cluster, from which regsweep does not evict",
            CLUSTER,
        ),
        "WRONGTYPE" => (
            ErrorKind::Configuration,
            "a key of the registry's name holds something else",
            "check the number of the database: another program may use this one",
        ),
        _ => (ErrorKind::Unreachable, "the server refuses", "look into the server's log"),
    };
    let details = details.filter(|_| why == "the server refuses").map(|details| format!(": {}", shortened(details)));
    (kind, format!("{why} ({code}{})", details.unwrap_or_default()), next.into())
}

/// Nothing that a server of Redis says.
fn broken(error: &RedisError, within: Duration) -> Words {
    let text = error.to_string();
    let (why, next) = if error.is_timeout() {
        (late(within), CHECK.to_owned())
    } else if text.contains("CertificateRequired") {
        let next = "name the certificate and its key in the registry's configuration (`redis.tls`)";
        ("the server wants a certificate to be shown".into(), next.into())
    } else if error.kind() == Kind::Parse || error.kind() == Kind::UnexpectedReturnType {
        ("what answers there does not speak the protocol of Redis".into(), ENCRYPTED.into())
    } else {
        (format!("the connection broke: {}", shortened(&text)), format!("{ENCRYPTED}; {CHECK}"))
    };
    (ErrorKind::Unreachable, why, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{text}\r\n").as_bytes());
        match value.and_then(redis::Value::extract_error) {
            Err(error) => error,
            Ok(value) => unreachable!("{value:?}"),
        }
    }

    #[test]
    fn each_refusal_has_its_kind_and_a_next_step() {
        for (text, kind) in [
            ("NOAUTH Authentication required.", ErrorKind::Credentials),
            ("NOPERM this user has no permissions to run the 'del' command", ErrorKind::Permission),
            ("DENIED Redis is running in protected mode", ErrorKind::Unreachable),
            ("READONLY You can't write against a read only replica.", ErrorKind::Unreachable),
            ("LOADING Redis is loading the dataset in memory", ErrorKind::Unreachable),
            ("CROSSSLOT Keys in request don't hash to the same slot", ErrorKind::Configuration),
            ("MOVED 3999 127.0.0.1:6381", ErrorKind::Configuration),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", ErrorKind::Configuration),
            ("MISCONF Redis is configured to save RDB snapshots", ErrorKind::Unreachable),
            ("ERR max number of clients reached", ErrorKind::Unreachable),
        ] {
            let (found, why, next) = refused(&answer(text), true, Duration::from_secs(10));
            assert_eq!(found, kind, "{text}: {why}");
            assert!(why.contains(text.split(' ').next().unwrap_or_default()) && !next.is_empty(), "{text}: {why}");
        }
        let (_, why, _) = refused(&answer("ERR max number of clients reached"), false, Duration::ZERO);
        assert_eq!(why, "the server refuses (ERR: max number of clients reached)");
    }

    #[test]
    fn what_is_said_to_a_password_is_not_repeated() {
        for text in
            ["ERR unknown command 'AUTH', with args beginning with: 'hunter2'", "WRONGPASS hunter2", "STRANGE hunter2"]
        {
            let (_, why, next) = not_signed_in(&answer(text), Duration::ZERO);
            assert!(!why.contains("hunter2") && !next.contains("hunter2"), "{why}");
        }
    }
}
