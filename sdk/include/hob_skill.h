/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The C ABI of a hob skill, version 1.
 *
 * A skill is a folder with a skill.toml (kind = "cdylib") and a shared library that exports one
 * symbol, hob_skill_entry. The skill host loads the library into a process of its own, checks the
 * version and the id, and calls it from one thread.
 *
 * All texts are NUL-terminated UTF-8. Texts passed in are valid during the call. Texts passed out
 * belong to the skill and come back to its free_string. Nothing may unwind (C++ exceptions, Rust
 * panics, longjmp) out of these functions. The skill's standard output and error go to hob's log.
 */
#ifndef HOB_SKILL_H
#define HOB_SKILL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The host loads a library only if its table carries the same version. */
#define HOB_SKILL_ABI_VERSION 1u

/* What create returns: the skill's own business. */
typedef void hob_skill;

typedef struct hob_skill_table {
    /* HOB_SKILL_ABI_VERSION */
    uint32_t abi_version;
    /* sizeof(hob_skill_table) */
    uint32_t struct_size;
    /* The id of skill.toml, e.g. "org.example.greeter". */
    const char *id;
    /* The version of skill.toml, e.g. "1.0.0". */
    const char *version;
    /* Makes the skill. context is a JSON object: {"storage": "/a/folder/it/may/write",
     * "locale": "en", "time_zone": "Europe/Lisbon" or null, "settings": {...}, "places":
     * {"xdg:documents": "/a/granted/folder"}, "services": a descriptor, "proxy": a descriptor or
     * null}. Over services, lines of JSON ask hob for things during a call; over proxy, one message
     * asks for a connection, which its answer carries (SCM_RIGHTS); docs/skills-guide.md has both.
     * New keys may come. On failure returns NULL and sets *error (unless error is NULL) to a result
     * object that says why. */
    hob_skill *(*create)(const char *context, char **error);
    /* Carries out an intent. arguments is a JSON object that fits the intent's parameters; context
     * is as for create, with "request" (the user's words or null), "now" (seconds since the epoch or
     * null) and "call" (its number). Returns a result object:
     *   {"status": "success", "message": "A sentence for the user.", "data": ...,
     *    "uris": ["file:///home/ana/letter.pdf"],
     *    "wake": [{"id": "t1", "at": 1790000000, "intent": "Rang", "arguments": {}}],
     *    "cancel_wake": ["t0"]}
     *   {"status": "error", "code": "not_found", "message": "What went wrong.",
     *    "suggestion": "What to do."}
     * Only status is required; other keys are refused. */
    char *(*call)(hob_skill *skill, const char *intent, const char *arguments, const char *context);
    /* Takes back a text that create or call returned; NULL is fine. */
    void (*free_string)(char *text);
    /* Ends what create made; NULL is fine. */
    void (*destroy)(hob_skill *skill);
} hob_skill_table;

/* The one exported symbol. The table must live as long as the library. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const hob_skill_table *hob_skill_entry(void);

#ifdef __cplusplus
}
#endif

#endif /* HOB_SKILL_H */
