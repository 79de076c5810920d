//! Writes the hostile files of `tests/hostile.rs` into a folder, to look at one by hand:
//! `cargo run --release -p hob-tests --example hostile_corpus -- FOLDER`

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| anyhow::anyhow!("name a folder that is to be filled"))?;
    let corpus = hob_tests::hostile::Corpus::write(folder.as_ref())?;
    println!("{} files", corpus.all.len());
    Ok(())
}
