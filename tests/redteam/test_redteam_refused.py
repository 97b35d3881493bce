"""A mistake in the config that a server answers with 400 is no trial's answer."""

import json

import pytest
from world_server import toml, write

from cairn.cli.redteam import redteam_command
from cairn.core.errors import CairnError


def refusing(server, role, error):
    """Let the server refuse what a role asks, in words of its own, while `error(body)` has any."""
    answer = server.answer

    def refuse(body, key):
        said = error(body) if body["model"] == role else None
        return answer(body, key) if said is None else (400, {}, {"error": said})

    server.answer = refuse


def corrected(path, role, **fields):
    file = path / "config.json"
    config = json.loads(file.read_text())
    config["models"][role] |= fields
    file.write_text(json.dumps(config))


def test_a_refused_parameter_costs_no_trial_once_it_is_corrected_as_the_message_says(
    server, tmp_path
):
    def unsupported(body):
        if "max_tokens" not in body:
            return None
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        return {"message": message, "code": "unsupported_parameter", "param": "max_tokens"}

    refusing(server, "scorer", unsupported)
    path = tmp_path / "run"
    with pytest.raises(CairnError, match=r"'max_tokens' is refused.*tokens_field"):
        redteam_command(["run", write(tmp_path, toml(server.url, trials=12)), "--run", str(path)])
    corrected(path, "scorer", tokens_field="max_completion_tokens")
    assert redteam_command(["resume", str(path)]) == 0
    counts = json.loads((path / "summary.json").read_text())["counts"]
    assert counts["told"] == 12 and counts["failed"] == 0


def test_a_key_that_is_refused_by_400_stops_the_run_too(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "first-0123456789")
    wrong = True
    refusing(server, "scorer", lambda body: {"message": "API key not valid."} if wrong else None)
    path = tmp_path / "run"
    config = write(tmp_path, toml(server.url, trials=12, more='api_key_env = "MY_KEY"'))
    with pytest.raises(CairnError, match=r"API key not valid\. Check the key that api_key_env"):
        redteam_command(["run", config, "--run", str(path)])
    wrong = False
    assert redteam_command(["resume", str(path)]) == 0
    counts = json.loads((path / "summary.json").read_text())["counts"]
    assert counts["told"] == 12 and counts["failed"] == 0
