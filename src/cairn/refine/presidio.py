"""Presidio (presidio-analyzer) as a detector: its pattern recognisers, and the user's own model.

Without a model nothing is recognised by language: no names, no places. Then words stand in for
lemmas where Presidio looks for context words, so that it raises scores as it does with a model.
Nothing is fetched: neither a model, nor the list of public suffixes, of which the copy that the
library tldextract brings is used. Kinds are Presidio's own; some (URL, DATE_TIME, US_BANK_NUMBER …)
are not among `cairn.refine.kinds`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.refine.spans import Span


@dataclass(frozen=True)
class Presidio:
    """Finds what Presidio finds. Raises MissingExtraError at its first use without the package."""

    name: str = "presidio"
    languages: tuple[str, ...] = ("en",)
    """Whose recognisers are asked, one after the other."""
    threshold: float = 0.4
    """Least score: Presidio's own is 0, with which any nine digits are a passport."""
    model: str | None = None
    """A spaCy pipeline that is installed (or a folder), for names, places and the like; it must be
    of the one language in `languages`."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of its recognisers."""
        engine = _engine(self.languages, self.model)
        found = (kind for lang in self.languages for kind in engine.get_supported_entities(lang))
        return tuple(sorted(set(found)))

    def find(self, text: str) -> list[Span]:
        """Its results, in the order of the text; those of several kinds may overlap."""
        engine = _engine(self.languages, self.model)
        found = {
            Span(r.start, r.end, r.entity_type, round(float(r.score), 6), self.name)
            for lang in self.languages
            for r in engine.analyze(text, language=lang, score_threshold=self.threshold)
        }
        return sorted(found)


def _imported() -> Any:
    try:
        import presidio_analyzer  # pyright: ignore[reportMissingImports]
        import spacy  # pyright: ignore[reportMissingImports]
        import tldextract  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError(
            f"The detector presidio needs the package {error.name}, which is not installed. "
            "Install it with: pip install 'cairn[presidio]'"
        ) from None
    # Its list of public suffixes would be fetched at the first e-mail address.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    return presidio_analyzer, spacy


@cache
def _engine(languages: tuple[str, ...], model: str | None) -> Any:
    presidio, spacy = _imported()
    if not languages or (model is not None and len(languages) > 1):
        raise ConfigError(
            f"presidio: expected one language or more, and one alone with a model, got {languages}."
        )
    pipelines = {lang: _pipeline(spacy, lang, model) for lang in languages}
    models = [{"lang_code": lang, "model_name": model or "blank"} for lang in languages]
    nlp = presidio.nlp_engine.SpacyNlpEngine(models=models)
    nlp.nlp = pipelines
    registry = presidio.RecognizerRegistry(supported_languages=list(languages))
    registry.load_predefined_recognizers(languages=list(languages), nlp_engine=nlp)
    if model is None:
        by_model = presidio.predefined_recognizers.SpacyRecognizer
        registry.recognizers = [r for r in registry.recognizers if not isinstance(r, by_model)]
    return presidio.AnalyzerEngine(
        registry=registry, nlp_engine=nlp, supported_languages=list(languages)
    )


def _pipeline(spacy: Any, language: str, model: str | None) -> Any:
    if model is not None:
        if not (spacy.util.is_package(model) or Path(model).exists()):
            raise ConfigError(
                f"presidio: there is no spaCy pipeline {model!r}: it is neither an installed "
                "package nor a folder. Install it, or leave `model` out."
            )
        return spacy.load(model)
    try:
        blank = spacy.blank(language)
    except (ImportError, ValueError):
        raise ConfigError(f"presidio: spaCy knows no language {language!r}.") from None
    _register_lemmas(spacy)
    blank.add_pipe("cairn_words_as_lemmas")
    return blank


@cache
def _register_lemmas(spacy: Any) -> None:
    """Registers the part of a pipeline that writes words where lemmas are expected."""

    @spacy.language.Language.component("cairn_words_as_lemmas")
    def words_as_lemmas(doc: Any) -> Any:
        for token in doc:
            token.lemma_ = token.lower_
        return doc
