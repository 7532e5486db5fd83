//! See `src/store_answers.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regsweep_fuzz::store_answers::check(data));
