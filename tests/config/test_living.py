"""`[logs]`, `[backup]` and `[notify]`: what may stand there, and what is refused with the way out."""

from pathlib import Path

import pytest

from mainstay.config.living import BackupSettings, LogSettings
from mainstay.config.notify import NotifySettings
from mainstay.config.settings import Settings, read_settings
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import DAY, HOUR, MINUTE


def settings(text: str, folder: Path) -> Settings:
    return read_settings(text.encode(), folder)


def test_defaults_keep_a_log_make_no_backup_and_wait_ten_minutes(tmp_path: Path) -> None:
    found = settings("", tmp_path)
    assert found.logs == LogSettings(5, 5)
    assert found.backup == BackupSettings(None, DAY, 7)
    assert found.notify == NotifySettings("", "", (), 10 * MINUTE)


def test_all_of_it(tmp_path: Path) -> None:
    found = settings(
        "[logs]\nsize_mb = 20\ncount = 2\n"
        '[backup]\nfolder = "../copies"\nevery = "PT6H"\nkeep = 30\n'
        '[notify]\ncommand = ["tell", "me"]\ndown_after = "PT3M"\n',
        tmp_path,
    )
    assert found.logs == LogSettings(20, 2)
    assert found.backup == BackupSettings(tmp_path / "../copies", 6 * HOUR, 30)
    assert (found.notify.command, found.notify.down_after_us) == (("tell", "me"), 3 * MINUTE)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[logs]\nsize_mb = 0", "logs.size_mb", "1"),
        ("[logs]\nfolder = 'x'", "logs.folder", "no key"),
        ('[backup]\nfolder = ".mainstay/backups"', "backup.folder", "outside of .mainstay"),
        ('[backup]\nfolder = "x/../.mainstay"', "backup.folder", "outside of .mainstay"),
        ('[backup]\nevery = "PT5M"', "backup.every", "too often"),
        ("[backup]\nkeep = 0", "backup.keep", "1"),
        ('[notify]\ndown_after = "PT5S"', "notify.down_after", "too soon"),
        ('[notify]\ncommand = "tell me"', "notify.command", "list"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, key: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        settings(text, tmp_path)
    assert refused.value.key == key
