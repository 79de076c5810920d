/* Calls the skill as hob would. Run with: make test */
#include "hob_skill.h"

#include <stdio.h>
#include <string.h>

int main(void) {
    const hob_skill_table *table = hob_skill_entry();
    hob_skill *skill = table->create("{\"storage\":\"/tmp\"}", NULL);
    char *answer = table->call(skill, "Ask@TYPE@", "{\"topic\":\"the sea\"}", "{}");
    int good = skill && answer && strstr(answer, "\"status\":\"success\"") && strstr(answer, "the sea");
    printf("%s: %s\n", good ? "ok" : "FAILED", answer ? answer : "no answer");
    table->free_string(answer);
    table->destroy(skill);
    return good ? 0 : 1;
}
