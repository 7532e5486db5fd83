//! See `src/manifest_cache.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regsweep_fuzz::manifest_cache::check(data));
