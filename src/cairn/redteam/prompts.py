"""Prompts to test, out of the files that others keep them in. The layout is told by the file.

HarmBench           CSV with Behavior, BehaviorID, SemanticCategory, ContextString; or JSON from
                    a BehaviorID to its test cases
JailbreakBench      CSV or JSON rows with Goal, Target, Behavior, Category; artefacts with a
                    list `jailbreaks`
promptfoo           YAML or JSON with `tests` of `vars`, and `prompts` as templates
cairn               archive.csv of a red-teaming run; prompts.jsonl
plain               a text file, one prompt a line; JSON lines or CSV with a field `prompt`
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError, MissingExtraError, reason
from cairn.report import tables

Row = Mapping[str, Any]
_PLACE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_TEMPLATE = re.compile(r"\{[{%#]")


@dataclass(frozen=True)
class Given:
    """A prompt from a file."""

    id: str
    """Unlike every other in the file: the file's own name for it, or its place."""
    prompt: str
    category: str = ""
    """The file's word for what it is about; "" where it has none."""
    goal: str | None = None
    """What the prompt is after, where the file says so and the prompt may hide it."""


class Prompts(NamedTuple):
    """What a file holds."""

    layout: str
    """Whose layout it has."""
    rows: tuple[Given, ...]
    without: int
    """Rows without a prompt, left out: a jailbreak that its attack never found."""


def read_prompts(path: Path) -> Prompts:
    """The prompts in a file. Raises ConfigError for a layout that is none of those above, an id
    that occurs twice, or a file without a prompt."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the prompts {path} cannot be read: {reason(error)}.") from None
    layout, found = _read(path, text)
    rows = tuple(given for given in found if given.prompt.strip())
    if not rows:
        raise ConfigError(f"{path} ({layout}) holds no prompt.")
    seen: set[str] = set()
    for given in rows:
        if given.id in seen:
            raise ConfigError(
                f"{path}: the id {given.id!r} occurs twice; each prompt needs its own."
            )
        seen.add(given.id)
    return Prompts(layout, rows, len(found) - len(rows))


def to_lines(rows: Iterable[Given]) -> str:
    """Prompts as JSON lines: what a run keeps of the file it was given."""
    return tables.to_lines(vars(given) for given in rows)


def _read(path: Path, text: str) -> tuple[str, list[Given]]:
    match path.suffix.lower():
        case ".csv":
            return _of_table(path, _csv(path, text))
        case ".jsonl" | ".ndjson":
            return "JSON lines", _of_rows(path, "JSON lines", list(_lines(path, text)))
        case ".json":
            return _of_json(path, _json(path, text))
        case ".yaml" | ".yml":
            return "promptfoo", _promptfoo(path, _yaml(path, text))
        case _:
            lines = text.split("\n")
            return "text", [Given(f"line-{n}", line.strip()) for n, line in enumerate(lines, 1)
                            if line.strip()]  # fmt: skip


# --- tables


def _of_table(path: Path, rows: list[Row]) -> tuple[str, list[Given]]:
    names = set(rows[0]) if rows else set()
    if {"Behavior", "BehaviorID"} <= names:
        return "HarmBench", _harmbench(rows)
    if {"Goal", "Category"} <= names:
        return "JailbreakBench", _jailbreakbench(rows)
    return "table", _of_rows(path, "table", rows)


def _harmbench(rows: list[Row]) -> list[Given]:
    found = []
    for row in rows:
        context = (row.get("ContextString") or "").strip()
        behavior = row["Behavior"] or ""
        prompt = f"{context}\n\n---\n\n{behavior}" if context and behavior else behavior
        category = row.get("SemanticCategory") or ""
        found.append(Given(row["BehaviorID"] or "", prompt, category))
    return found


def _jailbreakbench(rows: list[Row]) -> list[Given]:
    return [
        Given(str(row.get("Index") or n), row["Goal"] or "", row["Category"] or "")
        for n, row in enumerate(rows)
    ]


def _of_rows(path: Path, layout: str, rows: list[Row]) -> list[Given]:
    """Rows with a field `prompt` and what else of ours they have."""
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not isinstance(row.get("prompt"), str):
            held = f"; it has {', '.join(map(str, row))}" if isinstance(row, Mapping) else ""
            raise ConfigError(
                f"{path} ({layout}), row {number}: expected a field `prompt` with a text{held}. "
                f"Layouts that are known: HarmBench, JailbreakBench, promptfoo, a text file of "
                f"lines."
            )
        name = row.get("id")
        goal = row.get("goal")
        found.append(
            Given(
                str(number if name in (None, "") else name),
                row["prompt"],
                str(row.get("category") or ""),
                goal if isinstance(goal, str) and goal.strip() else None,
            )
        )
    return found


# --- JSON


def _of_json(path: Path, value: Any) -> tuple[str, list[Given]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("jailbreaks"), list):
            return "JailbreakBench", [_jailbreak(path, row) for row in value["jailbreaks"]]
        if "tests" in value:
            return "promptfoo", _promptfoo(path, value)
        if value and all(isinstance(cases, list) for cases in value.values()):
            return "HarmBench", list(_test_cases(path, value))
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        if "vars" in value[0]:
            return "promptfoo", _promptfoo(path, {"tests": value})
        return _of_table(path, value)
    raise ConfigError(
        f"{path} is JSON of no layout that is known: a list of rows, `jailbreaks` (JailbreakBench),"
        f" `tests` (promptfoo), or test cases by BehaviorID (HarmBench)."
    )


def _jailbreak(path: Path, row: Any) -> Given:
    if not isinstance(row, Mapping) or "index" not in row:
        raise ConfigError(f"{path} (JailbreakBench): expected jailbreaks with an `index`.")
    # An attack that found nothing has null for its prompt.
    prompt, goal = row.get("prompt") or "", row.get("goal")
    return Given(str(row["index"]), str(prompt), str(row.get("category") or ""), goal or None)


def _test_cases(path: Path, cases: Mapping[str, list[Any]]) -> Iterator[Given]:
    for name, texts in cases.items():
        for number, case in enumerate(texts):
            text = case.get("test_case") if isinstance(case, Mapping) else case
            if not isinstance(text, str):
                raise ConfigError(
                    f"{path} (HarmBench): expected texts of test cases, got {name!r}: {text!r:.60}."
                )
            yield Given(f"{name}#{number}", text, name)


# --- promptfoo


def _promptfoo(path: Path, config: Any) -> list[Given]:
    """Each template with each test's variables, lists of values in every combination."""
    if not isinstance(config, Mapping) or not isinstance(config.get("tests"), list):
        raise ConfigError(
            f"{path} (promptfoo): expected a list `tests`; references to other files are not "
            f"followed."
        )
    defaults = config.get("defaultTest")
    shared = defaults.get("vars") or {} if isinstance(defaults, Mapping) else {}
    templates = [_template(path, entry) for entry in config.get("prompts") or ["{{prompt}}"]]
    found = []
    for number, test in enumerate(config["tests"], 1):
        if not isinstance(test, Mapping):
            raise ConfigError(f"{path} (promptfoo), test {number}: expected a table, got {test!r}.")
        about = test.get("metadata") or {}
        category = str(about.get("pluginId") or about.get("category") or "")
        goal = about.get("goal")
        values = list(_combinations({**shared, **(test.get("vars") or {})}))
        every = list(itertools.product(templates, values))
        for i, (template, variables) in enumerate(every):
            name = f"test-{number}" if len(every) == 1 else f"test-{number}-{i}"
            prompt = _filled(path, number, template, variables)
            found.append(Given(name, prompt, category, goal if isinstance(goal, str) else None))
    return found


def _template(path: Path, entry: Any) -> str:
    text = entry.get("raw") if isinstance(entry, Mapping) else entry
    if not isinstance(text, str) or text.startswith("file://"):
        raise ConfigError(
            f"{path} (promptfoo): expected prompts as texts, got {entry!r:.60}; references to "
            f"other files are not followed."
        )
    return text


def _combinations(variables: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    choices = [v if isinstance(v, list) else [v] for v in variables.values()]
    for chosen in itertools.product(*choices):
        yield dict(zip(variables, map(_text, chosen), strict=True))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _filled(path: Path, number: int, template: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise ConfigError(
                f"{path} (promptfoo), test {number}: the prompt wants {match[1]!r}, but vars has "
                f"{', '.join(variables) or 'nothing'}."
            )
        return variables[match[1]]

    # Looked for in the template alone: what a variable holds is text, whatever it looks like.
    if _TEMPLATE.search(_PLACE.sub("", template)):
        raise ConfigError(
            f"{path} (promptfoo): of templates only {{{{name}}}} is filled in, got "
            f"{template!r:.80}. Write the prompts out."
        )
    return _PLACE.sub(value, template)


# --- files


def _csv(path: Path, text: str) -> list[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    try:
        rows: list[Row] = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise ConfigError(f"{path} is not valid CSV: {error}.") from None
    if not rows:
        raise ConfigError(f"{path} holds no row below its header.")
    return rows


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}.") from None


def _lines(path: Path, text: str) -> Iterator[Any]:
    # Not splitlines: a text may hold U+2028 and its kin, which JSON leaves as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _json(Path(f"{path}, line {number}"), line)


def _yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError(
            f'{path} needs PyYAML, which is missing: pip install "cairn[yaml]"'
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
