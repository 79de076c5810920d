//! Temporary: rates through the real host.
use hob_engine::*;
use hob_link::supervisor::{Host, HostSpec};
use std::time::Instant;
type H = Host<ModelRequest, ModelReply>;
async fn one(h: &H, spec: GenerateSpec) -> Usage {
    let mut r = h.request(ModelRequest::Generate(spec)).await.unwrap();
    loop {
        match r.next().await.unwrap().unwrap() {
            ModelReply::Done { usage, .. } => return usage,
            ModelReply::Failed(e) => panic!("{e}"),
            _ => {}
        }
    }
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let threads: u32 = a.get(2).map_or(0, |t| t.parse().unwrap());
    let program = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("hob-model-host");
    let h = H::spawn(&HostSpec { kind: "model", program, args: vec![] }).await.unwrap();
    let t = Instant::now();
    let mut r = h
        .request(ModelRequest::Load(LoadSpec { path: a[1].clone().into(), threads, ..Default::default() }))
        .await
        .unwrap();
    while let Some(x) = r.next().await.unwrap() {
        if let ModelReply::Loaded(i) = x {
            println!("loaded {} in {:?}", i.backend, t.elapsed());
        }
    }
    let words = |n: usize, s: usize| {
        (0..n)
            .map(|i| ["lake", "tree", "stone", "wind", "boat", "light", "rain"][(i * 7 + s * 3 + i * i) % 7])
            .collect::<Vec<_>>()
            .join(" ")
    };
    let spec =
        |s: String, n| GenerateSpec { messages: vec![Message::new("user", s)], max_tokens: n, ..Default::default() };
    for s in 0..3 {
        let u = one(&h, spec(words(500, s), 2)).await;
        println!(
            "prefill {} tokens: {:.1} tok/s",
            u.prompt_tokens - u.cached_tokens,
            f64::from(u.prompt_tokens - u.cached_tokens) * 1000.0 / f64::from(u.prompt_ms)
        );
    }
    for s in 0..3 {
        let mut sp = spec(format!("Write a long story about a lighthouse keeper and a whale {s}."), 129);
        sp.stop = vec![];
        let u = one(&h, sp).await;
        println!(
            "decode {} tokens, {} threads: {:.1} tok/s",
            u.completion_tokens,
            u.threads,
            f64::from(u.completion_tokens - 1) * 1000.0 / f64::from(u.total_ms - u.first_token_ms)
        );
    }
    for n in [1usize, 2, 3, 4] {
        let t = Instant::now();
        let all = futures(
            &h,
            (0..n).map(|s| spec(format!("Write a long story about {} and a whale.", words(4, s)), 100)).collect(),
        )
        .await;
        let tokens: u32 = all.iter().map(|u| u.completion_tokens).sum();
        println!("{n} at once: {tokens} tokens, aggregate {:.1} tok/s", f64::from(tokens) / t.elapsed().as_secs_f64());
    }
}
async fn futures(h: &H, specs: Vec<GenerateSpec>) -> Vec<Usage> {
    let mut rs = Vec::new();
    for s in specs {
        rs.push(h.request(ModelRequest::Generate(s)).await.unwrap());
    }
    let mut out = Vec::new();
    for mut r in rs {
        loop {
            match r.next().await.unwrap().unwrap() {
                ModelReply::Done { usage, .. } => {
                    out.push(usage);
                    break;
                }
                ModelReply::Failed(e) => panic!("{e}"),
                _ => {}
            }
        }
    }
    out
}
