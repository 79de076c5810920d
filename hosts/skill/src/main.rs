//! hosts/skill
fn main() {}
