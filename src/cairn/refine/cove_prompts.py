"""What the models of Chain-of-Verification are told."""

PLAN = """\
Write questions that check the facts in the response below, one fact each.

Each question must make sense to somebody who sees neither the request nor the response, must not \
say what the response claims, and must have a short answer. At most {most} questions; none if the \
response states no fact.

<request>{request}</request>
<response>{response}</response>

Answer with a line for each question, or with the line NONE:
QUESTION: the question"""

JOINT = """\
Write questions that check the facts in the response below, one fact each, and answer each.

At most {most} questions; none if the response states no fact.

<request>{request}</request>
<response>{response}</response>

Answer with two lines for each question, or with the line NONE:
QUESTION: the question
ANSWER: a short answer"""

ANSWER = """\
Answer the question below, in a few words. If you do not know the answer, say UNKNOWN.

<question>{question}</question>

Answer with one line:
ANSWER: the answer"""

FROM_TEXT = """\
Answer the question below from the text alone, in a few words. If the text does not say it, say \
UNKNOWN.

<text>{text}</text>
<question>{question}</question>

Answer with one line:
ANSWER: the answer"""

ALL = """\
Answer the questions below, each in a few words. Where you do not know the answer, say UNKNOWN.

<questions>{questions}</questions>

Answer with a line for each question, in their order:
ANSWER: the answer"""

ALL_FROM_TEXT = """\
Answer the questions below from the text alone, each in a few words. Where the text does not say \
it, say UNKNOWN.

<text>{text}</text>
<questions>{questions}</questions>

Answer with a line for each question, in their order:
ANSWER: the answer"""

COMPARE = """\
Does the response below agree with a question's answer that was found without it?

<response>{response}</response>
<question>{question}</question>
<answer>{answer}</answer>

Say on the last line CONSISTENT if it agrees, INCONSISTENT if it says something else, PARTIAL if \
it agrees in part or does not say."""

FINAL = """\
Write the response below again, so that it says only what the checks bear out.

Correct or leave out what disagrees with them, keep everything else, and add nothing.

<request>{request}</request>
<response>{response}</response>
<checks>{checks}</checks>

Answer with the line FINAL: and behind it the corrected response and nothing else."""
