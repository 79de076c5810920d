//! Embeddings and rerank scores: texts in, unit vectors or logits out.
//!
//! Owns: the contexts of an embedding or reranking model and their threads, how texts become the
//! model's input, how they are packed into batches, and who goes before whom. Must not know: the
//! daemon, and what the vectors and scores are for.
//!
//! Every processor has two contexts with one thread each. One takes what people wait for; the other
//! takes bulk work and rests, between two operations of the model, while the first one works
//! ([`turn`]). So nothing that was computed is thrown away, and a query waits for milliseconds.
//! Several contexts with one thread each also do more than one context with several threads, and
//! suffer less from other busy processes: nothing in them waits by spinning.

mod context;
mod input;
mod lanes;
mod late;
mod serve;
mod turn;
mod weights;
mod work;

pub use serve::serve;
pub use weights::Weights;
