//! Numbers that must agree with each other, because llama.cpp asserts it or divides by them.

use super::entries::{Content, Entries, wrong};
use super::{GgufError, shown};

/// llama.cpp's own limit, which it enforces by aborting.
const MAX_EXPERTS: u64 = 1_024;
/// Far beyond any model; every head has a score for each pair of tokens.
const MAX_HEADS: u64 = 1_024;
const MAX_HEAD: u64 = 1 << 14;

/// Architectures some of whose layers have no attention, and that say so by no heads.
const WITHOUT_HEADS: &[&str] = &[
    "arwkv7",
    "bailingmoe3",
    "deci",
    "falcon-h1",
    "glm5-next",
    "granitehybrid",
    "jamba",
    "kimi-k3",
    "kimi-linear",
    "lfm2",
    "lfm2moe",
    "mamba",
    "mamba2",
    "maple",
    "nemotron_h",
    "nemotron_h_moe",
    "plamo2",
    "rwkv6",
    "rwkv6qwen2",
    "rwkv7",
];

/// Architectures whose keys and values differ in length.
const UNLIKE_VALUES: &[&str] = &["laguna", "mimo2", "minicpm3", "plm", "step35"];

/// Architectures whose layers may use unlike numbers of experts.
const UNLIKE_EXPERTS: &[&str] = &["granite_swa", "nemotron_h_moe"];

/// Architectures whose heads are rotated as a whole.
const ROTATED_WHOLE: &[&str] = &[
    "apertus",
    "arcee",
    "arctic",
    "baichuan",
    "chameleon",
    "codeshell",
    "cogvlm",
    "cohere2moe",
    "dbrx",
    "deci",
    "deepseek",
    "dots1",
    "dream",
    "ernie4_5",
    "ernie4_5-moe",
    "exaone",
    "exaone-moe",
    "exaone4",
    "falcon",
    "granite",
    "granite_swa",
    "granitemoe",
    "graniteswitch",
    "grok",
    "grovemoe",
    "hunyuan-moe",
    "hunyuan_vl",
    "hy_v3",
    "internlm2",
    "jais2",
    "llada",
    "llada-moe",
    "llama",
    "llama-embed",
    "llama4",
    "maincoder",
    "mellum",
    "mistral3",
    "olmo",
    "olmo2",
    "olmoe",
    "orion",
    "paddleocr",
    "pangu-embedded",
    "plamo",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "qwen3vl",
    "qwen3vlmoe",
    "rnd1",
    "seed_oss",
    "smallthinker",
    "smollm3",
    "starcoder2",
    "talkie",
    "xverse",
];

/// Architectures whose attention gives something else than its heads' values side by side.
const UNLIKE_OUTPUT: &[&str] = &["deepseek4", "graniteswitch", "minimax-01", "qwen4exp"];

/// Numbers by which something is divided, or that make something of no size.
const NEVER_ZERO: &[&str] = &[
    "ssm.conv_kernel",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
    "ssm.group_count",
    "wkv.head_size",
    "kda.head_dim",
    "experts_per_group",
];

/// What the weights must agree with.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Bytes that one token of a context takes in memory, as far as that can be told.
    pub(super) memory_per_token: u64,
    /// Elements that the heads of each layer give together; empty where that can't be told.
    pub(super) output: Vec<u64>,
}

/// The entries of one architecture.
struct Shape<'a> {
    entries: &'a Entries,
    architecture: &'a str,
    layers: u32,
    embedding: u64,
}

impl Entries {
    /// Checks the numbers.
    pub(super) fn check_shape(&self, architecture: &str, layers: u32, embedding: u32) -> Result<Attention, GgufError> {
        let shape = Shape { entries: self, architecture, layers, embedding: embedding.into() };
        shape.check_experts()?;
        shape.check_numbers()?;
        shape.check_rope_type()?;
        shape.check_heads()
    }
}

impl Shape<'_> {
    fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    fn number(&self, suffix: &str) -> Option<u64> {
        self.entries.unsigned(&self.key(suffix))
    }

    fn wrong(&self, suffix: &str, reason: impl Into<String>) -> GgufError {
        wrong(&self.key(suffix), reason)
    }

    fn check_experts(&self) -> Result<(), GgufError> {
        let experts = self.number("expert_count").unwrap_or(0);
        if experts > MAX_EXPERTS {
            return Err(self.wrong("expert_count", format!("is {experts}, over {MAX_EXPERTS}")));
        }
        let used = self.entries.per_layer(&self.key("expert_used_count"), self.layers)?.unwrap_or_default();
        if used.iter().any(|n| *n != used[0]) && !UNLIKE_EXPERTS.contains(&self.architecture) {
            return Err(self.wrong("expert_used_count", "differs between layers"));
        }
        let used = used.iter().copied().max().unwrap_or(0);
        if used > experts || (experts > 0 && used == 0) {
            return Err(self.wrong("expert_used_count", format!("is {used} of {experts} experts")));
        }
        let groups = self.number("expert_group_count").unwrap_or(0);
        let used = self.number("expert_group_used_count").unwrap_or(0);
        // The same division as llama.cpp's.
        let sound = match (experts, groups) {
            (_, 0) => true,
            (0, _) => false,
            (_, 1) => experts > 1,
            _ => groups < experts && experts.is_multiple_of(groups) && used > 0 && used < groups,
        };
        if !sound {
            let reason = format!("is {groups} for {experts} experts, with {used} groups in use");
            return Err(self.wrong("expert_group_count", reason));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), GgufError> {
        let layers = u64::from(self.layers);
        if self.number("nextn_predict_layers").is_some_and(|n| n >= layers) {
            return Err(self.wrong("nextn_predict_layers", format!("leaves none of the {layers} layers")));
        }
        // PLaMo 2 has no groups and says so.
        let zero = |suffix: &&&str| self.number(suffix) == Some(0) && self.architecture != "plamo2";
        if let Some(suffix) = NEVER_ZERO.iter().find(zero) {
            return Err(self.wrong(suffix, "is 0"));
        }
        if self.architecture.starts_with("ernie") && self.number("interleave_moe_layer_step") == Some(0) {
            return Err(self.wrong("interleave_moe_layer_step", "is 0"));
        }
        let (inner, rank, groups) =
            (self.number("ssm.inner_size"), self.number("ssm.time_step_rank"), self.number("ssm.group_count"));
        if let (Some(inner), Some(rank), Some(groups)) = (inner, rank, groups)
            && groups > 0
            && !(inner.is_multiple_of(rank) && inner.is_multiple_of(groups) && rank.is_multiple_of(groups))
        {
            let reason = format!("is {inner}, which {rank} heads in {groups} groups can't share");
            return Err(self.wrong("ssm.inner_size", reason));
        }
        for suffix in ["layer_norm_epsilon", "layer_norm_rms_epsilon", "group_norm_epsilon"] {
            let suffix = format!("attention.{suffix}");
            if let Some(epsilon) = self.entries.fraction(&self.key(&suffix))
                && !(0.0..f32::INFINITY).contains(&epsilon)
            {
                return Err(self.wrong(&suffix, format!("is {epsilon} instead of a small number")));
            }
        }
        // Hyper-connections carry several hidden states side by side.
        let states = if ["deepseek4", "qwen4exp"].contains(&self.architecture) { 16 } else { 1 };
        let most = self.embedding * states;
        if let Some(out) = self.number("embedding_length_out").filter(|out| *out > most) {
            let reason = format!("is {out}, but there are only {most}");
            return Err(self.wrong("embedding_length_out", reason));
        }
        // -1 as llama.cpp's converter writes it means that the file does not say.
        match self.number("pooling_type") {
            None | Some(0..=4 | 0xffff_ffff) => Ok(()),
            Some(other) => Err(self.wrong("pooling_type", format!("is {other}, which is unknown"))),
        }
    }

    fn check_rope_type(&self) -> Result<(), GgufError> {
        match self.entries.text(&self.key("rope.scaling.type")) {
            None | Some("none" | "linear" | "yarn" | "longrope") => {}
            Some(other) => {
                return Err(self.wrong("rope.scaling.type", format!("is {:?}, which is unknown", shown(other))));
            }
        }
        if let Some(Content::Numbers(sections)) = self.entries.content(&self.key("rope.dimension_sections"))
            && (sections.iter().any(|n| !(0..=MAX_HEAD as i64).contains(n)) || sections.iter().take(3).all(|n| *n == 0))
        {
            return Err(self.wrong("rope.dimension_sections", "has impossible numbers"));
        }
        Ok(())
    }

    fn check_heads(&self) -> Result<Attention, GgufError> {
        let heads = self.entries.per_layer(&self.key("attention.head_count"), self.layers)?;
        let Some(heads) = heads.filter(|heads| heads.iter().any(|n| *n > 0)) else {
            return if WITHOUT_HEADS.contains(&self.architecture) {
                Ok(Attention::default())
            } else {
                Err(self.wrong("attention.head_count", "gives no heads"))
            };
        };
        let kv = self.entries.per_layer(&self.key("attention.head_count_kv"), self.layers)?;
        let kv = kv.unwrap_or_else(|| heads.clone());
        let mut all = 0u64;
        for (layer, (heads, kv)) in heads.iter().zip(&kv).enumerate() {
            if *heads > MAX_HEADS {
                return Err(self.wrong("attention.head_count", format!("is {heads}, over {MAX_HEADS}")));
            }
            let none = WITHOUT_HEADS.contains(&self.architecture);
            let fits = if *heads > 0 && *kv > 0 { heads.is_multiple_of(*kv) } else { none };
            if !fits {
                let reason = format!("is {kv} in layer {layer}, by which its {heads} heads can't be divided");
                return Err(self.wrong("attention.head_count_kv", reason));
            }
            all = all.saturating_add(*kv);
        }
        let (keys, values) = self.check_head_lengths(self.embedding / heads[0].max(1))?;
        // Compressed keys and values, and windows with heads of their own, go by other rules.
        let other_rules = ["attention.kv_lora_rank", "attention.value_length_swa", "attention.key_length_swa"];
        if UNLIKE_OUTPUT.contains(&self.architecture) || other_rules.iter().any(|key| self.number(key).is_some()) {
            return Ok(Attention::default());
        }
        Ok(Attention {
            memory_per_token: all.saturating_mul(keys + values).saturating_mul(2),
            output: heads.iter().map(|heads| heads * values).collect(),
        })
    }

    /// Lengths of a head's keys and values.
    fn check_head_lengths(&self, default: u64) -> Result<(u64, u64), GgufError> {
        let keys = self.number("attention.key_length").unwrap_or(default);
        let values = self.number("attention.value_length").unwrap_or(default);
        for (suffix, length) in [("attention.key_length", keys), ("attention.value_length", values)] {
            if length == 0 || length > MAX_HEAD || length % 2 == 1 {
                return Err(self.wrong(suffix, format!("is {length} instead of an even number up to {MAX_HEAD}")));
            }
        }
        let latent = self.number("attention.kv_lora_rank").is_some();
        if keys != values && !latent && !UNLIKE_VALUES.contains(&self.architecture) {
            return Err(self.wrong("attention.value_length", format!("is {values}, but keys have {keys}")));
        }
        if let Some(rotated) = self.number("rope.dimension_count") {
            let whole = ROTATED_WHOLE.contains(&self.architecture);
            if rotated % 2 == 1 || rotated > keys || (whole && rotated != keys) {
                return Err(self.wrong("rope.dimension_count", format!("is {rotated} for heads of {keys}")));
            }
        }
        Ok((keys, values))
    }
}
