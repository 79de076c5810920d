//! Asks hob a question about the user's files and prints the answer as it is written, then its sources.
//!
//! Run it with a daemon on the session bus:
//! `cargo run --release -p hob-sdk --features client --example ask -- "When is the dentist?"`

use std::io::Write as _;

use hob_sdk::client::{DeltaKind, Hob, Options, Update};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let question = std::env::args().nth(1).ok_or("usage: ask QUESTION")?;
    let hob = Hob::session().await?;
    let mut request = hob.ask(&question, Options::new().with("context", "auto")).await?;
    while let Some(update) = request.next_update().await {
        match update? {
            Update::Delta { kind: DeltaKind::Answer, text } => {
                print!("{text}");
                std::io::stdout().flush()?;
            }
            // An example agrees to nothing.
            Update::Confirm { .. } => request.answer(false).await?,
            Update::Finished(end) => {
                println!();
                for source in end.into_answer()?.citations {
                    println!("{}:{}  {}", source.path, source.line.unwrap_or(1), source.quote);
                }
            }
            Update::Delta { .. } | Update::Event { .. } => {}
        }
    }
    Ok(())
}
