//! What is fuzzed: one function for each kind of text that comes from a storage or from people. Each takes any bytes and
//! panics if regsweep breaks a promise about them.
//!
//! `targets/` hands these functions to libFuzzer, and `tests/corpus.rs` of the main crate, which includes this file, to
//! the corpus in `testdata/fuzz`.

pub mod configuration;
pub mod delete_answers;
pub mod descriptor_cache;
pub mod inventory;
pub mod journals;
pub mod keep_from;
pub mod keys;
pub mod links;
pub mod listings;
pub mod machine;
pub mod manifest_cache;
pub mod manifests;
pub mod operands;
pub mod pages;
pub mod patterns;
pub mod plans;
pub mod policies;
pub mod store_answers;
pub mod text;
pub mod versions;

/// What takes any bytes.
pub type Check = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Check); 18] = [
    ("configuration", configuration::check),
    ("delete_answers", delete_answers::check),
    ("descriptor_cache", descriptor_cache::check),
    ("inventory", inventory::check),
    ("journals", journals::check),
    ("keep_from", keep_from::check),
    ("keys", keys::check),
    ("links", links::check),
    ("listings", listings::check),
    ("manifest_cache", manifest_cache::check),
    ("manifests", manifests::check),
    ("operands", operands::check),
    ("pages", pages::check),
    ("patterns", patterns::check),
    ("plans", plans::check),
    ("policies", policies::check),
    ("store_answers", store_answers::check),
    ("versions", versions::check),
];
