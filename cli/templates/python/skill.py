#!/usr/bin/env python3
"""@TITLE@, a skill for hob."""

from hob_skill import Skill

skill = Skill("@ID@", "0.1.0")


@skill.intent("Ask@TYPE@")
def ask_@SNAKE@(call, topic="nothing in particular"):
    return {"message": f"@TITLE@ knows nothing about {topic} yet.", "data": {"topic": topic}}


if __name__ == "__main__":
    skill.run()
