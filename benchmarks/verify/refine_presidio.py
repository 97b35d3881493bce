"""Presidio's pattern recognisers on labelled records; runs in an environment that has Presidio.

    PYTHON_WITH_PRESIDIO benchmarks/verify/refine_presidio.py LABELLED FOUND

`refine_detectors.py` calls it. Imports nothing of cairn. All recognisers that Presidio loads by
default for English, German, French and Spanish, without those that need a language model (spaCy's
names and places). Context words count as in Presidio: tokens by spaCy's blank pipelines, the words
themselves as lemmas. A line of FOUND per record: what is found with the record's own language
(`own`), and with the recognisers of all four languages (`all`), with scores.
"""

import json
import sys
from collections.abc import Iterable
from importlib.metadata import version

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

LANGUAGES = ["en", "de", "fr", "es"]
# Its list of domains from its own package: it would try to download a newer one.
tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())


class Blank(NlpEngine):
    """Tokens and no model."""

    def __init__(self):
        self.nlp = {}

    def load(self) -> None:
        self.nlp = {language: spacy.blank(language) for language in LANGUAGES}

    def is_loaded(self) -> bool:
        return bool(self.nlp)

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        doc = self.nlp[language](text)
        words = [token.text.lower() for token in doc]
        places = [token.idx for token in doc]
        return NlpArtifacts([], doc, places, words, self, language)

    def process_batch(self, texts: Iterable[str], language: str, *_: object, **__: object):
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        return self.nlp[language].vocab[word].is_stop

    def is_punct(self, word: str, language: str) -> bool:
        return self.nlp[language].vocab[word].is_punct

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return LANGUAGES


def analyzer() -> AnalyzerEngine:
    registry = RecognizerRegistry(supported_languages=LANGUAGES)
    registry.load_predefined_recognizers(languages=LANGUAGES)
    registry.remove_recognizer("SpacyRecognizer")
    engine = Blank()
    engine.load()
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=LANGUAGES)


def main() -> None:
    engine = analyzer()

    def spans(text: str, language: str) -> list[list]:
        found = engine.analyze(text=text, language=language)
        return [[one.start, one.end, one.entity_type, one.score] for one in found]

    with open(sys.argv[1]) as records, open(sys.argv[2], "w") as out:
        out.write(json.dumps({"presidio_analyzer": version("presidio_analyzer")}) + "\n")
        for line in records:
            record = json.loads(line)
            every = {language: spans(record["text"], language) for language in LANGUAGES}
            union = sorted({tuple(one) for found in every.values() for one in found})
            row = {"id": record["id"], "own": every[record["language"]], "all": union}
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
