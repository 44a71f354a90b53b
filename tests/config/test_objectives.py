"""`[slo.WORKFLOW]`: what may be written, what stands where nothing is, and what is said of what may not."""

from pathlib import Path

import pytest

from mainstay.config.files import load_workspace_files
from mainstay.config.objectives import DEFAULTS, parse_share
from mainstay.config.settings import read_settings
from mainstay.data import sample_path
from mainstay.governance.objectives import PPM, Kind, Objective
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import MINUTE


def read(text: str, folder: Path) -> tuple[Objective, ...]:
    return read_settings(text.encode(), folder).slo.of("triage")


def test_what_is_written_is_read_and_the_rest_is_usual(tmp_path: Path) -> None:
    assert read("", tmp_path) == DEFAULTS
    text = """
[slo.triage]
success = "99.5%"
proposal = { within = "PT5M", share = "95%" }
effect = { within = "PT1M" }
exact = false
"""
    assert read(text, tmp_path) == (
        Objective(Kind.SUCCESS, 995_000),
        Objective(Kind.PROPOSAL, 950_000, 5 * MINUTE),
        Objective(Kind.EFFECT, 950_000, MINUTE),
    )
    assert read("[slo.other]\nsuccess = '99%'", tmp_path) == DEFAULTS
    left = read("[slo.triage]\nsuccess = false\nproposal = false\neffect = false", tmp_path)
    assert left == (Objective(Kind.EXACTNESS, PPM),)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('success = "100%"', "leaves no budget"),
        ('success = "49%"', "between 50 % and 99.999 %"),
        ('success = "0.99"', "is not a share"),
        ("success = 0.99", "cannot be 0.99"),
        ("success = true", "cannot be True"),
        ('succes = "99%"', "did you mean 'success'"),
        ('proposal = "PT5M"', "must be a table"),
        ('proposal = { within = "5 minutes" }', "cannot be read"),
        ('proposal = { within = "P4D" }', "longer than the three days"),
        ('effect = { in = "PT5M" }', "there is no key 'in'"),
        ('exact = "yes"', "must be true or false"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"[slo.triage]\n{line}\n", tmp_path)
    assert said in str(caught.value)
    assert caught.value.fields["line"] == 2


def test_a_workflow_that_there_is_not_is_refused_when_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    raw = (sample_path("workspace") / "workflows" / "triage.yaml").read_bytes()
    (tmp_path / "workflows" / "triage.yaml").write_bytes(raw)
    (tmp_path / "mainstay.toml").write_text('\n[slo.triag]\nsuccess = "99%"\n')
    with pytest.raises(ConfigError, match="no workflow 'triag'") as caught:
        load_workspace_files(tmp_path)
    assert (caught.value.fields["line"], caught.value.fields["key"]) == (2, "slo.triag")
    assert "did you mean 'triage'" in str(caught.value)
    (tmp_path / "mainstay.toml").write_text('[slo.triage]\nsuccess = "99%"\n')
    assert load_workspace_files(tmp_path).settings.slo.of("triage")[0].share_ppm == 990_000


@pytest.mark.parametrize(
    ("text", "share"), [("99%", 990_000), ("99.9 %", 999_000), ("50%", 500_000), ("99.999%", 999_990)]
)
def test_shares(text: str, share: int) -> None:
    assert parse_share(text) == share
