#!/usr/bin/env python3
"""Turn all-MiniLM-L6-v2 (model.safetensors, vocab.txt) into a GGUF file that llama.cpp reads.

Owns: the GGUF container as llama.cpp's `bert` architecture wants it. Knows nothing of where the files come from
(models.py does). Standard library only, Python 3.9 or later; the same input always gives the same bytes.

    convert_minilm.py model.safetensors vocab.txt OUT.gguf [--type f16|q8_0]
"""

import argparse
import json
import os
import struct
import sys

LAYERS, WIDTH, HEADS, FEED_FORWARD, CONTEXT, TOKEN_TYPES = 6, 384, 12, 1536, 512, 2
LAYER_NORM_EPSILON = 1e-12
ALIGNMENT = 32

# GGUF value types.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
# GGML tensor types, and the `general.file_type` that says "mostly this".
TENSOR_TYPE = {"f32": 0, "f16": 1, "q8_0": 8}
FILE_TYPE = {"f16": 1, "q8_0": 7}
POOLING_MEAN = 1
# Token types of the vocabulary.
NORMAL, CONTROL, UNUSED = 1, 3, 5

GLOBAL_NAMES = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
LAYER_NAMES = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
# llama.cpp adds these two tables to F32 activations; they are small, so they keep their precision.
KEEP_F32 = {"position_embd.weight", "token_types.weight"}


class ConversionError(Exception):
    """The input is not the model that this converter is for."""


def read_safetensors(path):
    """Return (bytes of the data section, {name: (dtype, shape, begin, end)})."""
    with open(path, "rb") as f:
        raw = f.read()
    if len(raw) < 8:
        raise ConversionError(f"{path}: not a safetensors file (too short)")
    (length,) = struct.unpack_from("<Q", raw)
    if length > len(raw) - 8:
        raise ConversionError(f"{path}: not a safetensors file (header of {length} bytes)")
    header = json.loads(raw[8 : 8 + length])
    data = memoryview(raw)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        if not 0 <= begin <= end <= len(data):
            raise ConversionError(f"{path}: tensor {name} lies outside the file")
        tensors[name] = (entry["dtype"], entry["shape"], begin, end)
    return data, tensors


def gguf_name(name):
    """llama.cpp's name for a tensor of the original, or None for one that it computes or does not use."""
    if name in GLOBAL_NAMES:
        return GLOBAL_NAMES[name]
    if name.startswith("encoder.layer."):
        _, _, layer, rest = name.split(".", 3)
        base, kind = rest.rsplit(".", 1)
        if base in LAYER_NAMES:
            return f"blk.{layer}.{LAYER_NAMES[base]}.{kind}"
    if name == "embeddings.position_ids" or name.startswith("pooler."):
        return None
    raise ConversionError(f"unexpected tensor {name}")


def expected_shapes():
    """{name in the original: shape}, the whole model."""
    shapes = {
        "embeddings.position_embeddings.weight": [CONTEXT, WIDTH],
        "embeddings.token_type_embeddings.weight": [TOKEN_TYPES, WIDTH],
        "embeddings.LayerNorm.weight": [WIDTH],
        "embeddings.LayerNorm.bias": [WIDTH],
    }
    for layer in range(LAYERS):
        for base in LAYER_NAMES:
            rows = FEED_FORWARD if base == "intermediate.dense" else WIDTH
            columns = FEED_FORWARD if base == "output.dense" else WIDTH
            norm = base.endswith("LayerNorm")
            shapes[f"encoder.layer.{layer}.{base}.weight"] = [rows] if norm else [rows, columns]
            shapes[f"encoder.layer.{layer}.{base}.bias"] = [rows]
    return shapes


def check_shapes(tensors, vocabulary):
    """Refuse anything that is not this very model: a wrong shape would end in a crash or in nonsense."""
    wanted = expected_shapes()
    wanted["embeddings.word_embeddings.weight"] = [vocabulary, WIDTH]
    for name, shape in wanted.items():
        if name not in tensors:
            raise ConversionError(f"tensor {name} is missing")
        dtype, found, begin, end = tensors[name]
        count = 1
        for n in shape:
            count *= n
        if dtype != "F32" or found != shape or end - begin != 4 * count:
            raise ConversionError(f"tensor {name} is {dtype} {found}, expected F32 {shape}")


def read_vocabulary(path):
    """Return (token texts as llama.cpp's WordPiece wants them, their types).

    llama.cpp puts U+2581 before each word instead of marking continuations with ##.
    """
    with open(path, encoding="utf-8") as f:
        words = f.read().split("\n")
    if words and words[-1] == "":
        words.pop()
    texts, types = [], []
    for word in words:
        if word in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"):
            texts.append(word)
            types.append(CONTROL)
        elif word.startswith("[unused") and word.endswith("]"):
            texts.append(word)
            types.append(UNUSED)
        else:
            texts.append(word[2:] if word.startswith("##") else "\u2581" + word)
            types.append(NORMAL)
    if len(set(texts)) != len(texts):
        raise ConversionError(f"{path}: two tokens have the same text")
    return texts, types


def string(text):
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def value(kind, x):
    if kind == STRING:
        return string(x)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], x)


def entry(key, kind, x):
    """One key and its value."""
    return string(key) + struct.pack("<I", kind) + value(kind, x)


def array(key, kind, items):
    """One key and its array."""
    head = string(key) + struct.pack("<IIQ", ARRAY, kind, len(items))
    return head + b"".join(value(kind, x) for x in items)


def metadata(texts, types, weights):
    """All key-value pairs of the file, as bytes, one element each."""
    ids = {text: i for i, text in enumerate(texts)}
    return [
        entry("general.architecture", STRING, "bert"),
        entry("general.type", STRING, "model"),
        entry("general.name", STRING, "all-MiniLM-L6-v2"),
        entry("general.license", STRING, "apache-2.0"),
        entry("general.file_type", U32, FILE_TYPE[weights]),
        entry("general.quantization_version", U32, 2),
        entry("bert.block_count", U32, LAYERS),
        entry("bert.context_length", U32, CONTEXT),
        entry("bert.embedding_length", U32, WIDTH),
        entry("bert.feed_forward_length", U32, FEED_FORWARD),
        entry("bert.attention.head_count", U32, HEADS),
        entry("bert.attention.layer_norm_epsilon", F32, LAYER_NORM_EPSILON),
        entry("bert.attention.causal", BOOL, False),
        entry("bert.pooling_type", U32, POOLING_MEAN),
        entry("tokenizer.ggml.model", STRING, "bert"),
        entry("tokenizer.ggml.token_type_count", U32, TOKEN_TYPES),
        array("tokenizer.ggml.tokens", STRING, texts),
        array("tokenizer.ggml.token_type", I32, types),
        entry("tokenizer.ggml.bos_token_id", U32, ids["[CLS]"]),
        entry("tokenizer.ggml.cls_token_id", U32, ids["[CLS]"]),
        entry("tokenizer.ggml.seperator_token_id", U32, ids["[SEP]"]),
        entry("tokenizer.ggml.unknown_token_id", U32, ids["[UNK]"]),
        entry("tokenizer.ggml.padding_token_id", U32, ids["[PAD]"]),
        entry("tokenizer.ggml.mask_token_id", U32, ids["[MASK]"]),
    ]


def to_f16(raw):
    n = len(raw) // 4
    return struct.pack(f"<{n}e", *struct.unpack(f"<{n}f", raw))


def to_q8_0(raw):
    """Blocks of 32: a half-precision scale, then 32 signed bytes."""
    n = len(raw) // 4
    values = struct.unpack(f"<{n}f", raw)
    out = []
    for at in range(0, n, 32):
        block = values[at : at + 32]
        scale = max(max(block), -min(block)) / 127
        inverse = 1 / scale if scale else 0.0
        out.append(struct.pack("<e32b", scale, *[round(x * inverse) for x in block]))
    return b"".join(out)


ENCODE = {"f32": bytes, "f16": to_f16, "q8_0": to_q8_0}


def tensor_type(name, shape, weights):
    """Matrices take the wanted type; norms, biases and the small tables stay F32."""
    return "f32" if len(shape) == 1 or name in KEEP_F32 else weights


def encoded_size(shape, kind):
    count = 1
    for n in shape:
        count *= n
    return {"f32": 4 * count, "f16": 2 * count, "q8_0": count // 32 * 34}[kind]


def padding(n):
    return b"\0" * (-n % ALIGNMENT)


def convert(safetensors, vocabulary, out, weights="f16"):
    """Write `out`; it appears whole or not at all. Raises ConversionError or OSError."""
    texts, types = read_vocabulary(vocabulary)
    data, tensors = read_safetensors(safetensors)
    check_shapes(tensors, len(texts))
    pairs = metadata(texts, types, weights)
    plan = []  # (name, type, begin, end), in the original's order
    infos, offset = [], 0
    for original, (_, shape, begin, end) in sorted(tensors.items(), key=lambda t: t[1][2]):
        name = gguf_name(original)
        if name is None:
            continue
        kind = tensor_type(name, shape, weights)
        size = encoded_size(shape, kind)
        dimensions = shape[::-1]
        infos.append(
            string(name)
            + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, TENSOR_TYPE[kind], offset)
        )
        plan.append((name, kind, begin, end, size))
        offset += size + len(padding(size))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos)
    partial = f"{out}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as f:
            f.write(head + padding(len(head)))
            for name, kind, begin, end, size in plan:
                write_tensor(f, name, ENCODE[kind], data[begin:end], size)
            f.flush()
            os.fsync(f.fileno())
        os.replace(partial, out)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def write_tensor(f, name, encode, raw, size):
    """Encode and write one tensor in slices, so that no tensor is ever unpacked as a whole."""
    slice_bytes = 4 * WIDTH * 256
    written = 0
    for at in range(0, len(raw), slice_bytes):
        written += f.write(encode(raw[at : at + slice_bytes]))
    if written != size:
        raise ConversionError(f"tensor {name}: wrote {written} bytes, planned {size}")
    f.write(padding(written))


def main():
    parser = argparse.ArgumentParser(description="Turn all-MiniLM-L6-v2 into GGUF.")
    parser.add_argument("safetensors")
    parser.add_argument("vocabulary")
    parser.add_argument("out")
    parser.add_argument("--type", choices=sorted(FILE_TYPE), default="f16")
    a = parser.parse_args()
    try:
        convert(a.safetensors, a.vocabulary, a.out, a.type)
    except (ConversionError, OSError, ValueError, KeyError) as e:
        sys.exit(f"convert_minilm: {e}")


if __name__ == "__main__":
    main()
