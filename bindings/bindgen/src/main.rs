//! Generates the code that the hosts' packages call.

fn main() {
    uniffi::uniffi_bindgen_main();
}
