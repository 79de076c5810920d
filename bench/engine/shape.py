#!/usr/bin/env python3
"""Write a model in the shape of Qwen2-0.5B with random weights: as slow as a real one, and it never wants to stop.

Owns: that shape and the GGUF file. Tokenizer, special tokens and chat template are those of the chat model that is
given, with made-up words added up to Qwen2's vocabulary. As llama-quantize does it for "Q4_0", the matrices are Q4_0
and the tied embeddings Q8_0. The same input always gives the same bytes. Standard library only.

    shape.py CHAT.gguf OUT.gguf
"""

import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from convert_minilm import ARRAY, F32, I32, NORMAL, STRING, U32, array, entry, padding, string  # noqa: E402

LAYERS, WIDTH, HEADS, KV_HEADS, FEED_FORWARD, CONTEXT, VOCABULARY = 24, 896, 14, 2, 4864, 32768, 151936
KV_WIDTH = WIDTH // HEADS * KV_HEADS
TYPE = {"f32": 0, "q4_0": 2, "q8_0": 8}
MOSTLY_Q4_0 = 2
# Values of each GGUF type that has a fixed size.
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
SPREAD = 0.02  # standard deviation of the weights, as such models begin their training with
SLICE = 1 << 15  # blocks


class Reader:
    """The key-value pairs of a GGUF file, as the bytes they are."""

    def __init__(self, path):
        self.raw = pathlib.Path(path).read_bytes()
        magic, _, _, pairs = struct.unpack_from("<4sIQQ", self.raw)
        if magic != b"GGUF":
            raise SystemExit(f"{path} is no GGUF file")
        self.at = 24
        self.spans = {}
        for _ in range(pairs):
            begin = self.at
            key = self.text()
            kind = self.number("<I")
            value = self.at
            self.skip(kind)
            self.spans[key] = (begin, value, self.at)

    def number(self, layout):
        (value,) = struct.unpack_from(layout, self.raw, self.at)
        self.at += struct.calcsize(layout)
        return value

    def text(self):
        length = self.number("<Q")
        self.at += length
        return self.raw[self.at - length : self.at].decode("utf-8", "surrogateescape")

    def skip(self, kind):
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in SIZES:
                self.at += SIZES[inner] * count
            else:
                for _ in range(count):
                    self.skip(inner)
        else:
            self.at += SIZES[kind]

    def pair(self, key):
        begin, _, end = self.spans[key]
        return self.raw[begin:end]

    def items(self, key):
        self.at = self.spans[key][1]
        inner, count = self.number("<I"), self.number("<Q")
        return [self.text() if inner == STRING else self.number("<i") for _ in range(count)]


def more_words(tokens, count, dice):
    """`count` new words, each put together from two that are there."""
    plain = [token for token in tokens if token.isascii() and token.isalpha()]
    known = set(tokens)
    words = []
    while len(words) < count:
        word = dice.choice(plain) + dice.choice(plain)
        if word not in known:
            known.add(word)
            words.append(word)
    return words


def metadata(chat, dice):
    tokens, types = chat.items("tokenizer.ggml.tokens"), chat.items("tokenizer.ggml.token_type")
    added = more_words(tokens, VOCABULARY - len(tokens), dice)
    replaced = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type")
    kept = [chat.pair(key) for key in chat.spans if key.startswith("tokenizer.") and key not in replaced]
    return kept + [
        array("tokenizer.ggml.tokens", STRING, tokens + added),
        array("tokenizer.ggml.token_type", I32, types + [NORMAL] * len(added)),
        entry("general.architecture", STRING, "qwen2"),
        entry("general.type", STRING, "model"),
        entry("general.name", STRING, "Random weights in the shape of Qwen2-0.5B"),
        entry("general.file_type", U32, MOSTLY_Q4_0),
        entry("general.quantization_version", U32, 2),
        entry("qwen2.block_count", U32, LAYERS),
        entry("qwen2.context_length", U32, CONTEXT),
        entry("qwen2.embedding_length", U32, WIDTH),
        entry("qwen2.feed_forward_length", U32, FEED_FORWARD),
        entry("qwen2.attention.head_count", U32, HEADS),
        entry("qwen2.attention.head_count_kv", U32, KV_HEADS),
        entry("qwen2.attention.layer_norm_rms_epsilon", F32, 1e-6),
        entry("qwen2.rope.freq_base", F32, 1e6),
    ]


def tensors():
    """(name, dimensions as GGUF has them, type, what a vector is filled with)."""
    out = [("token_embd.weight", [WIDTH, VOCABULARY], "q8_0", None), ("output_norm.weight", [WIDTH], "f32", 1.0)]
    for layer in range(LAYERS):
        for name, rows, columns in [
            ("attn_q", WIDTH, WIDTH), ("attn_k", KV_WIDTH, WIDTH), ("attn_v", KV_WIDTH, WIDTH),
            ("attn_output", WIDTH, WIDTH), ("ffn_gate", FEED_FORWARD, WIDTH), ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ]:
            out.append((f"blk.{layer}.{name}.weight", [columns, rows], "q4_0", None))
            if name in ("attn_q", "attn_k", "attn_v"):
                out.append((f"blk.{layer}.{name}.bias", [rows], "f32", 0.0))
        out.append((f"blk.{layer}.attn_norm.weight", [WIDTH], "f32", 1.0))
        out.append((f"blk.{layer}.ffn_norm.weight", [WIDTH], "f32", 1.0))
    return out


def elements(dimensions):
    return dimensions[0] * (dimensions[1] if len(dimensions) > 1 else 1)


def size(dimensions, kind):
    return {"f32": 4 * elements(dimensions), "q4_0": elements(dimensions) // 32 * 18,
            "q8_0": elements(dimensions) // 32 * 34}[kind]


def random_blocks(out, count, kind, dice):
    """Blocks of 32 weights: a half-precision scale, then random bytes, whose weights spread as wanted."""
    width, spread = {"q4_0": (16, 4.61), "q8_0": (32, 73.9)}[kind]
    scale = struct.pack("<e", SPREAD / spread)
    for at in range(0, count, SLICE):
        n = min(SLICE, count - at)
        noise = dice.getrandbits(8 * n * width).to_bytes(n * width, "little")
        blocks = bytearray(n * (width + 2))
        blocks[0 :: width + 2], blocks[1 :: width + 2] = scale[:1] * n, scale[1:] * n
        for i in range(width):
            blocks[i + 2 :: width + 2] = noise[i * n : (i + 1) * n]
        out.write(blocks)


def write(chat_path, out_path):
    dice = random.Random(5)
    pairs = metadata(Reader(chat_path), dice)
    infos, offset = [], 0
    for name, dimensions, kind, _ in tensors():
        shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        infos.append(string(name) + shape + struct.pack("<IQ", TYPE[kind], offset))
        length = size(dimensions, kind)
        offset += length + len(padding(length))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos)
    with open(out_path, "wb") as out:
        out.write(head + padding(len(head)))
        for _, dimensions, kind, fill in tensors():
            if kind == "f32":
                out.write(struct.pack("<f", fill) * elements(dimensions))
            else:
                random_blocks(out, elements(dimensions) // 32, kind, dice)
            out.write(padding(size(dimensions, kind)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: shape.py CHAT.gguf OUT.gguf")
    write(sys.argv[1], sys.argv[2])
