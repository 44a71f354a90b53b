"""`[autonomy]`: shares, windows, levels, and other words for some kinds."""

import pytest

from mainstay.config.autonomy import AutonomySettings, RulesByKind, read_autonomy
from mainstay.config.toml import parse_toml
from mainstay.kernel.autonomy import Autonomy, AutonomyRules, Level
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import HOUR, MINUTE


def read(text: str) -> AutonomySettings:
    return read_autonomy(parse_toml(f"[autonomy]\n{text}".encode(), "mainstay.toml").top.table("autonomy"))


def test_an_empty_table_is_the_defaults() -> None:
    assert read("") == AutonomySettings()
    assert AutonomyRules() == AutonomyRules(100_000, 15 * MINUTE, Level.AUTOMATIC, by_itself=False)


def test_the_first_kind_that_fits_has_its_own_words_and_takes_the_rest_from_all() -> None:
    settings = read(
        'target = "5%"\nhold = "PT1H"\n'
        '[[autonomy.kind]]\nact = "email.reply"\nclass = "refund*"\ntarget = "0.5%"\nmost = "ask"\n'
        '[[autonomy.kind]]\nworkflow = "triage"\npromote = "by itself"\nmost = "held"\n'
    )
    usual = AutonomyRules(50_000, HOUR)
    assert settings.of("triage/email.reply/refund-late") == AutonomyRules(5_000, HOUR, Level.ASK)
    assert settings.of("triage/email.reply/faq") == AutonomyRules(50_000, HOUR, Level.HELD, by_itself=True)
    assert settings.of("other/email.reply/") == usual
    autonomy = Autonomy(settings.rules, RulesByKind(settings))
    assert autonomy.rules_of("triage/email.reply/refund").most is Level.ASK
    assert autonomy.rules_of("other/email.reply/faq") == usual


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('target = "ten"', 2, "not a share in percent"),
        ("target = 0.1", 2, 'write "10%"'),
        ('target = "0%"', 2, "0.1%"),
        ('target = "60%"', 2, "60% cannot be"),
        ('hold = "15 minutes"', 2, "PT30S"),
        ('hold = "P30D"', 2, "more than a week"),
        ('most = "always"', 2, "cannot be 'always'"),
        ('most = "shadow"', 2, "cannot be 'shadow'"),
        ('promote = "now"', 2, "cannot be 'now'"),
        ("aim = 1", 2, "aim"),
        ('[[autonomy.kind]]\nmost = "ask"', 2, "does not say of which kinds"),
        ('[[autonomy.kind]]\nclass = "Two Words"', 3, "cannot fit any class"),
        ('[[autonomy.kind]]\nact = "email.reply"\ntarget = "x"', 4, "not a share"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(text)
    told = f"{raised.value} {raised.value.why} {raised.value.remedy}"
    assert says in told
    assert raised.value.fields["line"] == line
