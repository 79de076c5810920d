/* @TITLE@, a skill for hob. hob_skill.h says what each function must do. */
#include "hob_skill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct skill {
    int calls;
};

/* The text of a key in a flat JSON object, as it stands between its quotes. A real skill uses a JSON library. */
static void text_of(const char *json, const char *key, char *to, size_t room) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    const char *from = strstr(json, quoted);
    size_t length = 0;
    if (from) {
        from += strlen(quoted);
        while (from[length] && from[length] != '"' && length + 1 < room) length += from[length] == '\\' && from[length + 1] ? 2 : 1;
        if (length + 1 > room) length = 0;
        memcpy(to, from, length);
    }
    to[length] = 0;
}

static hob_skill *create(const char *context, char **error) {
    (void)context;
    (void)error;
    return calloc(1, sizeof(struct skill));
}

static char *call(hob_skill *skill, const char *intent, const char *arguments, const char *context) {
    (void)context;
    ((struct skill *)skill)->calls++;
    char topic[512], *result = malloc(2048);
    if (!result) return NULL;
    if (strcmp(intent, "Ask@TYPE@") != 0) {
        strcpy(result, "{\"status\":\"error\",\"code\":\"unknown_intent\",\"message\":\"This skill has no such intent.\"}");
        return result;
    }
    text_of(arguments, "topic", topic, sizeof topic);
    snprintf(result, 2048, "{\"status\":\"success\",\"message\":\"@TITLE@ knows nothing about %s yet.\",\"data\":{\"topic\":\"%s\"}}",
             topic[0] ? topic : "nothing in particular", topic);
    return result;
}

static void free_string(char *text) { free(text); }

static void destroy(hob_skill *skill) { free(skill); }

static const hob_skill_table table = {
    HOB_SKILL_ABI_VERSION, sizeof(hob_skill_table), "@ID@", "0.1.0", create, call, free_string, destroy,
};

const hob_skill_table *hob_skill_entry(void) { return &table; }
