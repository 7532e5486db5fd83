//! The laboratory as a process of its own, for `scripts/bench`: so that what the tool uses is counted apart.
//!
//! `computed` and `stored` serve a registry as a bucket of S3, `directory` writes one below a path. The first line of
//! standard output tells where, and what a collection must find. Then one command a line: `latency MS`, `rate N` (refuses what is
//! more in a second), `counts` (since they were last asked for), `reload` (what was deleted is there again). It ends with its standard input.
#![allow(clippy::disallowed_methods, reason = "a laboratory knows the time")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a laboratory"
)]

#[path = "../lab/mod.rs"]
mod lab;

use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use lab::bucket::{Bucket, Fault};
use lab::clients::s3_config_at;
use lab::computed::{BUCKET, Computed, Server, Shape, Truth, stored};
use lab::tree::{Tree, write_dir};

#[derive(Parser)]
struct Arguments {
    kind: Kind,
    #[arg(long, default_value_t = 200)]
    manifests: u64,
    #[arg(long, default_value_t = 8)]
    repositories: u64,
    /// Layers that each image has for itself.
    #[arg(long, default_value_t = 2)]
    layers: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where `directory` writes.
    #[arg(long, default_value = "registry")]
    path: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Computed,
    Stored,
    Directory,
}

fn main() {
    let arguments = Arguments::parse();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let shape = Shape::new(arguments.seed, arguments.manifests, arguments.repositories, i64::try_from(now).unwrap());
    let shape = shape.wide(arguments.layers);
    let computed = Computed::new(shape);
    let truth: Vec<Value> = [false, true].map(|untagged| told(&Truth::of(&computed, untagged))).into();
    match arguments.kind {
        Kind::Computed => serve_computed(&Server::start(computed), &truth),
        Kind::Stored => serve_stored(&stored(&computed), &truth),
        Kind::Directory => {
            write_dir(&stored(&computed), &arguments.path);
            println!("{}", json!({ "truth": truth }));
        }
    }
}

fn told(truth: &Truth) -> Value {
    json!({
        "repository_keys": truth.repository_keys, "blobs": truth.blobs, "repositories": truth.repositories,
        "tags": truth.tags, "manifests": truth.manifests, "layer_links": truth.layer_links,
        "stale_history": truth.stale_history, "dead_manifests": truth.dead_manifests,
        "dead_links": truth.dead_links, "dead_blobs": truth.dead_blobs,
    })
}

fn begin(endpoint: &str, bucket: &str, truth: &[Value]) {
    println!("{}", json!({ "config": s3_config_at(endpoint, bucket, ""), "truth": truth }));
}

/// Obeys commands until there are no more.
fn obey(mut command: impl FnMut(&str, u64) -> Value) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (word, number) = line.split_once(' ').unwrap_or((&line, "0"));
        println!("{}", command(word, number.parse().unwrap_or_default()));
    }
}

fn serve_computed(server: &Server, truth: &[Value]) {
    begin(&server.endpoint(), BUCKET, truth);
    obey(|word, number| match word {
        "latency" => {
            server.latency(Duration::from_millis(number));
            json!({})
        }
        "counts" => {
            let asked = server.take_counts();
            json!({
                "list": asked.list, "get": asked.get, "links": asked.links, "delete": 0, "keys_deleted": 0,
                "other": asked.other, "writes": asked.writes,
            })
        }
        _ => json!({ "unknown": word }),
    });
}

fn serve_stored(tree: &Tree, truth: &[Value]) {
    let bucket = Bucket::s3("registry");
    bucket.load("", tree);
    begin(&bucket.endpoint(), bucket.name(), truth);
    obey(|word, number| {
        match word {
            "latency" => {
                bucket.clear_faults();
                if number > 0 {
                    bucket.fault(Fault::latency(Duration::from_millis(number)));
                }
            }
            "rate" => {
                let rate = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
                bucket.limit_rate(rate, rate / 10.0);
            }
            "reload" => {
                bucket.remove_where(|_| true);
                bucket.load("", tree);
                bucket.reset_counts();
            }
            "counts" => {
                let counts = bucket.counts();
                let links =
                    bucket.log().iter().filter(|call| call.method == "GET" && call.key.ends_with("/link")).count();
                bucket.reset_counts();
                return json!({
                    "list": counts.list, "get": counts.get, "head": counts.head, "put": counts.put,
                    "copy": counts.copy, "delete": counts.delete, "keys_deleted": counts.keys_deleted,
                    "other": counts.other, "links": links, "peak": counts.peak_in_flight,
                });
            }
            _ => return json!({ "unknown": word }),
        }
        json!({})
    });
}
