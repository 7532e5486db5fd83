//! See `src/descriptor_cache.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regsweep_fuzz::descriptor_cache::check(data));
