"""`connect email`: what a good account and each kind of bad one is told."""

import asyncio
from dataclasses import replace

import pytest

from mainstay.adapters.base import NotNow
from mainstay.adapters.email import ImapAccount, SmtpAccount, SmtpOutbox, check_account
from mainstay.adapters.email.account import oauth_only
from mainstay.adapters.email.compose import Envelope
from mainstay.adapters.email.smtp import deliver
from mainstay.kernel.contract import Repeatability
from mainstay.net.secrets import Secret
from tests.servers import dovecot

pytestmark = pytest.mark.binary("dovecot")


def failed(report):
    return [(check.name, check.remedy) for check in report.checks if check.needed and not check.passed]


def test_a_good_account_passes_everything_and_its_sent_folder_is_found(account):
    report = asyncio.run(check_account(account.imap, account.smtp))
    assert report.usable
    assert report.sent == "Sent"
    assert set(report.folders) == {"INBOX", "Sent"}
    passed = {check.name for check in report.checks if check.passed}
    assert {
        "mailbox log-in",
        "Inbox",
        "folder of sent mail",
        "wakes us (IDLE)",
        "relay",
        "relay log-in",
    } <= passed
    assert {"UIDPLUS", "MOVE"} <= passed, "what the server tells only after the log-in was not asked for"


def test_a_wrong_password_fails_both_and_names_app_passwords(account):
    wrong = Secret("wrong")
    report = asyncio.run(
        check_account(replace(account.imap, password=wrong), replace(account.smtp, password=wrong))
    )
    assert [name for name, _ in failed(report)] == ["mailbox log-in", "relay log-in"]
    assert all("app password" in remedy for _, remedy in failed(report))
    assert not report.usable


def test_nobody_there(account):
    port = dovecot.free_ports(1)[0]
    report = asyncio.run(check_account(replace(account.imap, port=port), replace(account.smtp, port=port)))
    assert [name for name, _ in failed(report)] == ["mailbox log-in", "relay"]
    assert all(remedy for _, remedy in failed(report))


def test_no_tls_is_refused_without_trying():
    imap = ImapAccount(host="imap.example.org", user="a", password=Secret("b"), tls="none")
    smtp = SmtpAccount(host="smtp.example.org", tls="none")
    report = asyncio.run(check_account(imap, smtp))
    assert ["tls" in remedy for _, remedy in failed(report)] == [True, True]


def with_tls(account, tls, ca_file):
    server = account.server
    imap_port = {"tls": server.imaps_port, "starttls": server.imap_port}[tls]
    smtp_port = {"tls": server.submissions_port, "starttls": server.submission_port}[tls]
    imap = replace(account.imap, tls=tls, port=imap_port, ca_file=ca_file)
    return imap, replace(account.smtp, tls=tls, port=smtp_port, ca_file=ca_file)


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_tls_with_an_authority_of_ones_own(account, tls):
    report = asyncio.run(check_account(*with_tls(account, tls, account.server.authority)))
    assert report.usable, report


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(account, tls):
    report = asyncio.run(check_account(*with_tls(account, tls, None)))
    assert [name for name, _ in failed(report)] == ["mailbox log-in", "relay"]
    assert all("certificate" in check.detail.lower() for check in report.checks), report
    _, smtp = with_tls(account, tls, None)
    outbox = SmtpOutbox(smtp, shelf=None, witness=False)
    envelope = Envelope("help@example.org", ("ann@example.com",), "1@x", witness=False)
    result = asyncio.run(deliver(smtp, envelope, b"Subject: x\r\n\r\nx\r\n"))
    assert isinstance(result, NotNow), result
    assert outbox.repeatability is Repeatability.ONCE


def test_the_wrong_kind_of_tls_is_told(account):
    imap, smtp = with_tls(account, "tls", account.server.authority)
    mixed = (replace(imap, port=account.server.imap_port), replace(smtp, port=account.server.submission_port))
    report = asyncio.run(check_account(*mixed))
    assert [name for name, _ in failed(report)] == ["mailbox log-in", "relay"]


def test_a_missing_sent_folder_is_told_and_not_fatal(account):
    report = asyncio.run(check_account(replace(account.imap, sent="Nowhere"), None))
    assert report.usable
    assert [
        check.name for check in report.checks if not check.passed and check.remedy.startswith("name")
    ] == ["folder of sent mail"]


def test_providers_without_passwords():
    assert oauth_only("outlook.office365.com")
    assert oauth_only("imap.example.org", frozenset({"XOAUTH2"}))
    assert not oauth_only("imap.example.org", frozenset({"XOAUTH2", "PLAIN"}))
    assert not oauth_only("imap.example.org")
