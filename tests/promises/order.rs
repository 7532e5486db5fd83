//! The outcome depends neither on the order of repositories nor on that of anything else.

use std::collections::BTreeSet;

use crate::check::{lost_by_repository, refused, sweep, sweep_directory, tagged, untagged, written};
use crate::lab::random::{damage, random_registry};
use crate::lab::registry::RegistryBuilder;
use crate::lab::tree::removed;

/// Builds the same registry under names that sort this way and that, and demands the same outcome.
#[track_caller]
fn same_in_any_order(build: impl Fn(&mut RegistryBuilder, [&str; 3])) {
    let orders = [["a", "m", "z"], ["a", "z", "m"], ["m", "a", "z"], ["z", "m", "a"], ["m", "m/a", "m-a"]];
    for arguments in crate::check::BOTH {
        let outcomes = orders.map(|names| {
            let mut registry = RegistryBuilder::new();
            build(&mut registry, names);
            let swept = sweep(&registry, arguments);
            let rename = |key: String| {
                let at = (0..3).find(|at| key.contains(&format!("/repositories/{}/_", names[*at])));
                at.map_or(key.clone(), |at| key.replacen(&format!("/{}/_", names[at]), &format!("/{at}/_"), 1))
            };
            removed(&swept.before, &swept.after).into_iter().map(rename).collect::<BTreeSet<_>>()
        });
        for outcome in &outcomes[1..] {
            assert_eq!(*outcome, outcomes[0], "{arguments:?}");
        }
    }
}

#[test]
fn shared_image_tagged_in_one_of_three() {
    same_in_any_order(|r, names| {
        for name in names {
            tagged(r, "x", "latest");
            r.image(name, "shared", &["shared"]);
        }
        tagged(r, names[0], "own");
        let image = r.image(names[1], "shared", &["shared"]);
        r.tag(names[1], "latest", &image.digest);
        tagged(r, names[2], "own");
    });
}

#[test]
fn chain_of_indexes_through_three_repositories() {
    same_in_any_order(|r, names| {
        let image = r.image(names[0], "image", &["layer"]);
        let inner = r.index(names[1], &[&image.digest]);
        let outer = r.index(names[2], &[&inner]);
        r.tag(names[2], "latest", &outer);
        for name in &names[..2] {
            let own = r.image(name, "own", &["own"]);
            r.tag(name, "own", &own.digest);
            r.layer(name, "unneeded");
        }
    });
}

#[test]
fn referrers_of_a_shared_image() {
    same_in_any_order(|r, names| {
        for name in names {
            let image = r.image(name, "image", &["layer"]);
            r.referrer(name, &image.digest, "application/x", "an sbom");
        }
        let image = r.image(names[0], "image", &["layer"]);
        r.tag(names[0], "latest", &image.digest);
        let own = r.image(names[1], "own", &["own"]);
        r.tag(names[1], "own", &own.digest);
    });
}

#[test]
fn aliases_known_from_one_of_three() {
    same_in_any_order(|r, names| {
        let image = r.aliased_image(names[0], "config", &["one"]);
        r.tag(names[0], "latest", &image.digest);
        r.mount(names[0], names[1], &image.layers[0]);
        r.layer(names[2], "one");
        for name in &names[1..] {
            let own = r.image(name, "own", &["own"]);
            r.tag(name, "own", &own.digest);
        }
    });
}

#[test]
fn damage_in_one_of_three() {
    same_in_any_order(|r, names| {
        for name in names {
            let image = r.image(name, "image", &["layer"]);
            r.tag(name, "latest", &image.digest);
            r.image(name, "untagged", &["untagged"]);
            r.layer(name, "unneeded");
        }
        r.manifest(names[1], "no manifest at all");
    });
}

/// The promises of `check` hold for registries that nobody thought of.
#[test]
fn random_registries_keep_every_promise() {
    for seed in 0..10 {
        let mut registry = random_registry(seed);
        if seed % 2 == 1 {
            damage(&mut registry, seed);
        }
        for arguments in [&[][..], &["-m"], &["-m", "--min-age", "10d"], &["-m", "--repository", "re:^[a-m]"]] {
            let directory = written(&registry);
            let ran = crate::check::gc(&[&["--offline", "-d"], arguments].concat(), directory.path());
            let allow = if ran.code == 3 {
                let codes = ran.refusals();
                let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
                refused(directory.path(), arguments, &codes)
            } else {
                Vec::new()
            };
            let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
            let swept = sweep_directory(directory.path(), &[arguments, &allow].concat());
            if arguments.contains(&"--repository") {
                let lost = lost_by_repository(&swept);
                assert!(lost.keys().all(|name| name == "blobs" || name.as_str() < "n"), "{seed}: {lost:?}");
            }
        }
    }
}

#[test]
fn number_of_requests_in_flight_changes_nothing() {
    let registry = random_registry(5);
    let one = sweep(&registry, &["-m", "--concurrency", "1"]);
    let many = sweep(&registry, &["-m", "--concurrency", "1024"]);
    assert_eq!(one.after.keys().collect::<Vec<_>>(), many.after.keys().collect::<Vec<_>>());
    let mut small = RegistryBuilder::new();
    untagged(&mut small, "app", "untagged");
    sweep(&small, &["--concurrency", "1"]).loses_nothing();
}
