//! See `src/delete_answers.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regsweep_fuzz::delete_answers::check(data));
