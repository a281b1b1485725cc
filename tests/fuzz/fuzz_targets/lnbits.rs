#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kilosat_fuzz::fuzzing::feed("lnbits", input));
