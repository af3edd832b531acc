#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| upcheck_fuzz::bodies::results(bytes));
