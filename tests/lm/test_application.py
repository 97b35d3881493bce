"""A user's own function as a model: what is said of its errors, and which answers are its own."""

import asyncio
import logging

import pytest

from cairn.core.journal import Journal
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import CallFailedError, EndpointDownError
from cairn.lm.request import Request
from cairn.lm.scripted import FunctionModel, source_digest


async def answer(request):
    return helper(request.messages[0].content)


def helper(text):
    if text == "cancel":
        raise asyncio.CancelledError
    if "fail" in text:
        raise ValueError("no such \x1b[31mdocument")
    return "fine"


def test_an_error_names_its_place_and_the_traceback_is_logged_once(caplog):
    async def main():
        endpoint = Endpoint(FunctionModel(answer, "my.app"), Flow(max_attempts=2, backoff_s=0.001))
        await endpoint.complete(Request.of("ok"))
        said = []
        for _ in range(2):
            with pytest.raises(CallFailedError) as caught:
                await endpoint.complete(Request.of("fail"))
            said.append(str(caught.value))
        return said

    caplog.set_level(logging.WARNING)
    said, again = asyncio.run(main())
    assert said == again
    assert "my.app: ValueError: no such ␛[31mdocument (in helper, " in said
    assert "test_application.py, line " in said
    (record,) = caplog.records
    assert 'in helper\n    raise ValueError("no such' in record.getMessage()
    assert "in answer" in record.getMessage() and "scripted.py" not in record.getMessage()


def test_of_a_function_that_never_works_nobody_asks_for_its_address():
    endpoint = Endpoint(FunctionModel(answer, "my.app"), Flow(max_attempts=2, backoff_s=0.001))
    with pytest.raises(EndpointDownError, match="The function raises each time: mend it") as caught:
        asyncio.run(endpoint.complete(Request.of("fail")))
    assert "base_url" not in str(caught.value)


def test_a_cancellation_of_the_functions_own_is_a_failed_attempt_and_ours_is_not():
    async def main():
        endpoint = Endpoint(FunctionModel(answer, "app"), Flow(max_attempts=2, backoff_s=0.001))
        await endpoint.complete(Request.of("ok"))
        with pytest.raises(CallFailedError, match="CancelledError"):
            await endpoint.complete(Request.of("cancel"))

        class Cancels:
            identity = "cancels"

            async def complete(self, request, sample="0"):
                raise asyncio.CancelledError

        with pytest.raises(EndpointDownError, match="cancels has never answered"):
            await Endpoint(Cancels(), Flow(max_attempts=1)).complete(Request.of("x"))

        async def sleep(request):
            await asyncio.sleep(60)
            return "late"

        task = asyncio.create_task(FunctionModel(sleep, "app").complete(Request.of("x")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_an_application_of_another_revision_does_not_get_the_old_answers(tmp_path):
    asked = []

    async def application(request):
        asked.append(request)
        return f"answer {len(asked)}"

    async def main(revision):
        model = FunctionModel(application, "app", revision)
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, {"m": Role(Endpoint(model))})
            return (await desk.clients(0)["m"].complete(Request.of("x"), purpose="x")).text

    texts = [asyncio.run(main(revision)) for revision in ("", "", "2", "2", "")]
    assert texts == ["answer 1", "answer 1", "answer 2", "answer 2", "answer 1"]


def test_the_digest_of_a_source_changes_with_its_file(tmp_path, monkeypatch):
    import importlib

    monkeypatch.syspath_prepend(tmp_path)
    digests = set()
    for i in range(2):
        (tmp_path / "some_app.py").write_text(f"async def f(request):\n    return '{i}'\n")
        importlib.invalidate_caches()
        digests.add(source_digest(importlib.import_module("some_app").f))
    assert len(digests) == 2
    assert len(source_digest(len)) == 12
