//! hosts/extract
fn main() {}
