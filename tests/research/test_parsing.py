"""What answers propose, and what operators remember."""

import pytest

from cairn.research.memory import LONGEST, SHOWN, recall, trimmed
from cairn.research.node import Node, Tree
from cairn.research.parsing import NoArtefactError, read
from cairn.research.policies.base import Proposal


def test_a_plan_and_a_program():
    found = read("<think>```python\nno()\n```</think>Add x.\n\n```python\nx = 1\n```\nDone.")
    assert found == ("Add x.", "x = 1\n")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Two:\n```python\nx = 1\n```\nand\n```py\ny = 2\n```", "x = 1\n\ny = 2\n"),
        ("One is broken:\n```\nx = 1\n```\n```python\ndef f(\n```", "x = 1\n"),
        ("First\n```bash\npip install x\n```\nthen\n```python\nx = 1\n```", "x = 1\n"),
        ("Never closed\n```python\nx = 1\ny = 2", "x = 1\ny = 2\n"),
        ("Nested\n````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''\n"),
        ("~~~python\nx = 1\n~~~", "x = 1\n"),
        ("import math\nprint(math.pi)", "import math\nprint(math.pi)"),
    ],
)
def test_programs_that_parse_are_joined_and_other_blocks_are_not(answer, text):
    assert read(answer).text == text


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("", "no-code"),
        ("<think>still thinking", "no-code"),
        ("I cannot.", "no-code"),
        ("```\n```", "no-code"),
        ("```rust\nfn main() {}\n```", "other-language"),
        ("```python\nx = 1\n```\n```python\n" + "# x\n" * 60_000 + "```", "too-long"),
        ("```python\nx = = 1\n```", "syntax"),
        ("```python\n" + "(" * 3000 + ")" * 3000 + "\n```", "syntax"),
        ("```python\nx = '\0'\n```", "syntax"),
    ],
)
def test_what_is_no_program_has_a_kind(answer, kind):
    with pytest.raises(NoArtefactError) as caught:
        read(answer)
    assert caught.value.kind == kind and bool(caught.value.text) == (kind == "syntax")


def test_a_text_is_one_block_or_the_whole_answer():
    assert read("Be brief.", "prompt").text == "Be brief."
    assert read("Better:\n```\nBe brief.\n```", "prompt") == ("Better:", "Be brief.")
    with pytest.raises(NoArtefactError, match="one fenced block, got 2"):
        read("```\na\n```\n```\nb\n```", "prompt")


TREE = Tree(
    [
        Node(0, (), "draft", "a", "plan a", 1.0, -1.0, feedback="fine"),
        Node(1, (), "draft", "b", "plan b", outcome="timeout", feedback="slow"),
        Node(2, (1,), "debug", "c", "plan c", outcome="failed", feedback="error c"),
        Node(3, (2,), "debug", "d", "plan d", outcome="failed", feedback="error d"),
        Node(4, (0,), "improve", "", "", outcome="jail_error"),
        Node(5, (0,), "improve", "f", "plan f", 2.0, -2.0),
    ]
)


def test_memory_scopes_tell_what_their_names_say():
    debug, improve = Proposal("debug", (3,)), Proposal("improve", (0,))
    assert recall("none", TREE, improve) == ""
    assert recall("simple", TREE, improve) == (
        "- draft: plan a\n  score: -1\n- improve: plan f\n  score: -2"
    )
    assert recall("plans", TREE, improve) == "- draft: plan a\n- improve: plan f"
    assert recall("sibling", TREE, improve) == "- improve: plan f"
    assert recall("sibling", TREE, Proposal("draft")) == (
        "- draft: plan a\n- draft: plan b\n  failed: timeout"
    )
    # Oldest first, from the first failure on; the parent itself is shown anyway.
    assert recall("ancestral", TREE, debug) == (
        "- draft: plan b\n  failed: timeout\n  output: slow\n"
        "- debug: plan c\n  failed: failed\n  output: error c"
    )
    assert "jail" not in recall("all", TREE, improve) and "plan d" in recall("all", TREE, improve)


def test_a_long_memory_leaves_out_the_oldest_and_a_long_output_its_middle():
    long = Tree(Node(i, (), "draft", "x", f"{i} " + "p" * 3000, 1.0, 1.0) for i in range(9))
    told = recall("plans", long, Proposal("draft"))
    assert told.startswith("(7 earlier ones are left out)") and len(told) <= LONGEST
    assert "- draft: 8 " in told
    assert trimmed("x" * SHOWN) == "x" * SHOWN
    cut = trimmed("a" * 3000 + "b" * 3000)
    assert cut.startswith("a" * 2500 + "\n[… 1000 ch") and cut.endswith("b" * 2500)
