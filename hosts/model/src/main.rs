//! hosts/model
fn main() {}
