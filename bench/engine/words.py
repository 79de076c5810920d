"""Texts that the scenarios send: made up from a fixed list, the same on every run, of about the length wanted.

Owns: the words. Knows nothing of models; lengths in tokens are the caller's estimate (`TOKENS_PER_WORD`).
"""

import random

WORDS = """
able account across action afternoon agree answer apple arrive autumn balance basket battery because before begin
believe below better between bicycle board borrow bottle bread bridge bright brother build butter button candle
careful carry castle change choose circle citizen clean clear clock cloud coffee collect colour common company compare
complete corner cotton country courage cousin cover create cross current danger daughter decide delay deliver desert
detail dinner direct discover distance doctor double dream early earth effect eight electric empty engine enough
evening event example expect explain family farmer father favour field figure finger finish flower follow forest
forward friend future garden gather gentle glass ground group grow guess habit happen harbour health heavy history
holiday honest horse hospital hundred island jacket journey juice kitchen knife ladder language large later laugh
leather letter library light listen little local machine market matter measure meeting member message metal middle
minute mirror modern moment morning mother mountain music narrow nature needle neighbour night noise north notice
number object ocean offer office often orange order other paint paper parent people pepper perfect picture piece plain
planet plenty pocket point polite possible potato prepare present price produce promise public purple question quiet
railway rather reach ready reason receive recent remember repair repeat report river round salad school science season
second secret separate service seven shadow share shelter shoulder silver simple sister sleep small smooth soldier
sound south spring square station steady stone story straight strange stream street strong sugar summer supper
surprise system table teacher theatre thing thousand ticket timber today together tomorrow tongue toward travel
treasure trouble under useful valley village visit voice walk water weather weight welcome window winter wonder wooden
world writer yellow yesterday young
""".split()
TOKENS_PER_WORD = 1.13  # with sentence marks, in SmolLM2's vocabulary

TOPICS = ["a lighthouse keeper and a storm", "the history of the bicycle", "how bread is made in a village bakery",
          "a journey by night train through the mountains", "why the sea is salty", "a library that lends tools",
          "two sisters who build a boat", "how a clock tower keeps time", "the first winter on a new farm",
          "what a river sees on its way to the ocean", "an old teacher who learns to paint", "the market in autumn"]


def sentences(count, seed):
    """About `count` words in sentences."""
    dice = random.Random(seed)
    out, length = [], 0
    while length < count:
        words = [dice.choice(WORDS) for _ in range(min(dice.randint(7, 14), max(3, count - length)))]
        length += len(words)
        out.append(" ".join(words).capitalize() + ".")
    return " ".join(out)


def of_tokens(tokens, seed):
    """A text of about so many tokens."""
    return sentences(int(tokens / TOKENS_PER_WORD), seed)


def story(which):
    """A prompt that a chat model has much to say to."""
    return f"Write a long and detailed story about {TOPICS[which % len(TOPICS)]}. Part {which + 1}."


def question(seed):
    """A short question, another one for each seed."""
    dice = random.Random(seed)
    return f"What does the {dice.choice(WORDS)} have to do with the {dice.choice(WORDS)}, number {seed}?"


def skill_list(tokens):
    """A system prompt that lists skills, as an assistant's does."""
    dice = random.Random(3)
    lines, words = ["You may use these skills. Answer with the name of the one that fits the question."], 15
    while words * 1.67 < tokens:  # names and marks take more tokens than plain words
        verb, noun, other = (dice.choice(WORDS) for _ in range(3))
        lines.append(f"- {noun}.{verb}: {verb} the {noun} of the {other}; arguments: {other} (text), {noun} (number)")
        words += 14
    return "\n".join(lines)
