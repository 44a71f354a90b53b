"""The public surface, pinned: a name that appears or goes is a decision, not an accident."""

import subprocess
import sys

import mainstay


def test_the_package_exports_these_names() -> None:
    assert mainstay.__all__ == ["Card", "Decided", "Workspace", "__version__"]
    assert all(getattr(mainstay, name) for name in mainstay.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import mainstay, sys; print(*sorted(name for name in sys.modules if name.startswith('mainstay')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["mainstay"]
