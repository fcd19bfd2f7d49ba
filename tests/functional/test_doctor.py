"""`sendtrail doctor`, on an account in moto that is in order, and on many that are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sendtrail.domain.times import parse
from sendtrail_cli.doctor.command import CHECKS, chosen, examine, is_well
from sendtrail_cli.doctor.findings import Context, Finding, Status
from sendtrail_cli.keys import list_keys, make_key
from sendtrail_cli.main import main
from sendtrail_cli.target import Target
from tests.functional import accounts
from tests.functional.accounts import DOMAIN, TOKEN, Account
from tests.functional.amended import amended
from tests.functional.conftest import Backend
from tests.functional.nameserver import Zone, nameserver, resolver_of


@pytest.fixture
def account(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account in order."""
    with amended(moto_backend.endpoints.aws) as state:
        zone: Zone = {}
        made = Account(moto_backend, state, zone)
        monkeypatch.setenv("AWS_ENDPOINT_URL", state.url)
        yield made


def found(account: Account, *names: str, with_cost: bool = False) -> list[tuple[str, Finding]]:
    """What the checks find; all of them, if none is named."""
    checks = chosen(names, with_cost=with_cost, with_round_trip=False)
    with nameserver(account.zone) as resolver:
        return list(examine(Context(account.target, account.at, resolver=resolver), checks))


def test_nothing_is_found_of_an_account_in_order(account: Account) -> None:
    """Each check says in a line what it looked at."""
    told = found(account)
    assert [(name, each.says) for name, each in told if each.status is not Status.OK] == []
    assert {name for name, _ in told} == {check.name for check in CHECKS}


# --- what can be wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breaks", "named", "does"),
    [
        (accounts.sandbox, "wrong production-access", "aws sesv2 put-account-details"),
        (accounts.paused, "wrong sending", "Support Center"),
        (accounts.under_review, "wrong sending", "before the next"),
        (accounts.switched_off, "wrong sending", "put-account-sending-attributes --sending-enabled"),
        (accounts.too_fast, "wrong quota", "Deploy with SendRate 14"),
        (accounts.used_up, "wrong quota", "Ask for more"),
        (accounts.nearly_used_up, "note quota", "waits for a day"),
        (accounts.suppressing_nobody, "note suppression-list", "after: BOUNCE. "),
        (accounts.tracked, "note engagement-tracking", "Switch it off"),
        (accounts.example_sender, "wrong sender", "Deploy with one of your own"),
        (accounts.no_sender, "wrong sender", "Deploy with one, such as"),
        (accounts.unknown_to_ses, "wrong sender-verified", f"create-email-identity --email-identity {DOMAIN}"),
        (accounts.unverified, "wrong sender-verified", "HOST_NOT_FOUND): mail waits. Publish the DNS records"),
        (accounts.unsigned, "wrong dkim", "put-email-identity-dkim-attributes"),
        (accounts.dkim_failed, "wrong dkim", "get-email-identity"),
        (accounts.dkim_out_of_the_dns, "wrong dkim", f"Publish: {TOKEN}._domainkey.{DOMAIN} CNAME {TOKEN}.dkim.amazonses.com"),
        (accounts.own_dkim_key_out_of_the_dns, "wrong dkim", f"Publish: {TOKEN}._domainkey.{DOMAIN} TXT with p="),
        (accounts.dkim_in_another_zone, "wrong dkim", f"CNAME {TOKEN}.dkim.eu-west-9.amazonses.com"),
        (accounts.address_alone, "wrong dkim", f"create-email-identity --email-identity {DOMAIN}"),
        (accounts.no_mail_from, "note mail-from", f"--mail-from-domain bounce.{DOMAIN}"),
        (accounts.mail_from_pending, "wrong mail-from", "wait for SES"),
        (accounts.mail_from_without_mx, "wrong mail-from", "MX 10 feedback-smtp."),
        (accounts.mail_from_without_spf, "wrong mail-from", 'TXT "v=spf1 include:amazonses.com ~all"'),
        (accounts.no_dmarc, "wrong dmarc", f"Publish _dmarc.{DOMAIN} TXT"),
        (accounts.two_dmarc, "wrong dmarc", "Leave one of them"),
        (accounts.dmarc_that_asks_for_nothing, "note dmarc", "say p=quarantine"),
        (accounts.dmarc_misspelt, "wrong dmarc", "none, quarantine or reject"),
        (accounts.strict_dmarc_of_a_subdomain, "wrong alignment", f"verify post.{DOMAIN} in SES"),
        (accounts.no_configuration_set, "wrong configuration-sets", "create-configuration-set --configuration-set-name sendtrail,"),
        (accounts.configuration_set_that_sends_nothing, "wrong configuration-sets", "--sending-enabled"),
        (accounts.no_reputation_metrics, "note configuration-sets", "--reputation-metrics-enabled"),
        (accounts.redirected, "note configuration-sets", f"click.{DOMAIN}"),
        (accounts.destination_off, "wrong event-destinations", "update-configuration-set-event-destination"),
        (accounts.destination_elsewhere, "wrong event-destinations", "create-configuration-set-event-destination"),
        (accounts.destination_gone, "wrong event-destinations", "create-configuration-set-event-destination"),
        (accounts.destination_that_lacks_a_type, "wrong event-destinations", "does not publish CLICK, COMPLAINT,"),
        (accounts.destination_that_tracks, "wrong event-destinations", "Take OPEN and CLICK out of it"),
        (accounts.topic_closed, "wrong topic-policy", "set-topic-attributes"),
        (accounts.topic_of_another_account, "wrong topic-policy", "as SesTopicPolicy in template.yaml does"),
        (accounts.unsubscribed, "wrong subscription", "aws sns subscribe"),
        (accounts.filtered, "wrong subscription", "--attribute-name FilterPolicy"),
        (accounts.in_envelopes, "note subscription", "--attribute-name RawMessageDelivery"),
        (accounts.queue_closed, "wrong queue-policy", "as IngestQueuePolicy in template.yaml does"),
        (accounts.mapping_disabled, "wrong event-sources", "mailings are not sent. Run aws lambda update-event-source-mapping"),
        (accounts.mapping_gone, "wrong event-sources", "create-event-source-mapping"),
        (accounts.ten_at_a_time, "wrong concurrency", "Service Quotas"),
        (accounts.dead_events, "wrong dead-letters", "1 in IngestDlq: "),
        (accounts.dead_projections, "wrong dead-letters", "sendtrail rebuild"),
        (accounts.webhook_switched_off, "wrong webhooks", "switched off since 2026-11-20T09:30:00.000Z (failing)"),
        (accounts.webhook_that_fails, "note webhooks", "has taken nothing since 2026-11-20T09:30:00.000Z"),
        (accounts.late, "wrong lag", "the oldest for 20 minutes: see IngestLateAlarm in docs/runbook.md"),
        (accounts.alarm_on, "wrong alarms", "(docs/runbook.md), section SilenceAlarm"),
        (accounts.alarm_gone, "wrong alarms", "SilenceAlarm"),
        (accounts.mute_alarm, "wrong alarm-listeners", "AlarmEmail"),
        (accounts.alarm_switched_off, "wrong alarm-listeners", "enable-alarm-actions --alarm-names sendtrail-SilenceAlarm"),
        (accounts.nobody_listens, "wrong alarm-listeners", "no confirmed subscription"),
        (accounts.four_months_later, "note signing-keys", "sendtrail key rotate sessions"),
        (accounts.key_malformed, "wrong api-keys", "entries 1 of the secret"),
        (accounts.keys_broken, "wrong api-keys", "update-secret-version-stage"),
        (accounts.unprotected, "wrong table-protection", "--deletion-protection-enabled"),
        (accounts.without_recovery, "wrong point-in-time-recovery", "update-continuous-backups"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_what_is_wrong_is_found_by_its_check(
    account: Account, breaks: Callable[[Account], None], named: str, does: str
) -> None:
    """By its name, with what to do; it says nothing else."""
    breaks(account)
    status, name = named.split()
    told = [each for _, each in found(account, name) if each.status is not Status.OK]
    assert [each.status for each in told] == [status]
    assert does in told[0].says


@pytest.mark.parametrize(
    ("breaks", "names"),
    [
        (accounts.sandbox, {"production-access"}),
        (accounts.no_dmarc, {"dmarc", "alignment"}),
        (accounts.unsubscribed, {"subscription"}),
        (accounts.no_configuration_set, {"configuration-sets", "event-destinations"}),
        (accounts.dead_events, {"dead-letters"}),
        (accounts.nobody_listens, {"alarm-listeners"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_wrong_is_found_by_no_other_check(
    account: Account, breaks: Callable[[Account], None], names: set[str]
) -> None:
    """But by those for which it is wrong, too."""
    breaks(account)
    assert {name for name, each in found(account) if each.status is not Status.OK} == names


@pytest.mark.parametrize(
    "breaks",
    [accounts.no_dmarc, accounts.unsigned, accounts.no_mail_from],
    ids=lambda each: each.__name__,
)
def test_alignment_says_by_what_dmarc_passes(
    account: Account, breaks: Callable[[Account], None]
) -> None:
    """By both, by one of them, or by none; and that is a matter of the record, too."""
    breaks(account)
    ((_, told),) = found(account, "alignment")
    expected = {
        accounts.no_dmarc: (Status.UNKNOWN, "has no DMARC record"),
        accounts.unsigned: (Status.NOTE, "by SPF alone"),
        accounts.no_mail_from: (Status.OK, "by DKIM; by SPF it does not"),
    }[breaks]
    assert told.status is expected[0]
    assert expected[1] in told.says


@pytest.mark.parametrize(
    ("records", "organization", "asked"),
    [
        ({}, "news.society.org.uk", None),
        ({"society.org.uk": "p=reject; sp=quarantine"}, "society.org.uk", "quarantine"),
        ({"society.org.uk": "p=reject", "news.society.org.uk": "p=none"}, "society.org.uk", "none"),
        ({"uk": "p=reject; psd=y"}, "org.uk", "reject"),
        ({"org.uk": "p=reject; psd=y", "society.org.uk": "p=none"}, "society.org.uk", "none"),
        ({"news.society.org.uk": "p=none; psd=n", "society.org.uk": "p=reject"}, "news.society.org.uk", "none"),
    ],
)  # fmt: skip
def test_policies_are_found_by_walking_up_the_dns(
    account: Account, records: dict[str, str], organization: str, asked: str | None
) -> None:
    """To the top, or to a record that says where an organization begins."""
    domain = "news.society.org.uk"
    zone: Zone = {
        (f"_dmarc.{name}", "TXT"): [f'"v=DMARC1; {text}"'] for name, text in records.items()
    }
    with nameserver(zone) as resolver:
        found_records = Context(account.target, account.at, resolver=resolver).records
        assert found_records.organization(domain) == organization
        policy = found_records.dmarc(domain)
        assert (policy and policy.asks_for(domain)) == asked


def test_a_relaxed_record_takes_a_subdomain_and_its_organization_for_one(account: Account) -> None:
    """Mail from a subdomain, signed by the domain above, passes."""
    account.parameters["SenderAddress"] = f"news@post.{DOMAIN}"
    ((_, told),) = found(account, "alignment")
    assert (told.status, told.says) == (
        Status.OK,
        f"DMARC passes for post.{DOMAIN} by DKIM and by SPF",
    )


def test_old_keys_are_noted(account: Account) -> None:
    """Those that sign, the first API key, and others, by their ids; none of it is wrong."""
    make_key(account.target, "read", "report")
    accounts.two_years_later(account)
    told = found(account, "signing-keys", "api-keys")
    assert [(name, each.status) for name, each in told] == [
        ("signing-keys", "note"), ("signing-keys", "note"), ("api-keys", "note"), ("api-keys", "note"),
    ]  # fmt: skip
    assert all("sendtrail key" in each.says for _, each in told)
    assert is_well((each for _, each in told), strict=True)


def test_keys_that_expire_soon_or_have_are_noted(account: Account) -> None:
    """By their ids and days; one that goes on for long is not."""
    for name, days in (("soon", 10), ("over", 0.5), ("long", 15.5)):
        ends = account.at + timedelta(days=days)
        make_key(account.target, "read", name, expires_at=parse(ends.isoformat()))
    ids = {key.name: key.key_id for key in list_keys(account.target)}
    account.at += timedelta(days=1)
    over, soon = (each.says for _, each in found(account, "api-keys"))
    assert "have expired" in over
    assert ids["over"] in over
    assert f"{ids['soon']} on {account.at + timedelta(days=9):%Y-%m-%d}" in soon
    assert ids["long"] not in over + soon


# --- what cannot be looked at --------------------------------------------------------------------


def test_a_permission_that_is_missing_ends_nothing(account: Account) -> None:
    """What it was for is unknown, and says so; that is wrong only to the strict."""
    account.state.refused |= {"/v2/email/account", "AmazonSQS.GetQueueAttributes"}
    told = found(account)
    names = {name for name, each in told if each.status is Status.UNKNOWN}
    assert names >= {"production-access", "quota", "dead-letters", "subscription"}
    assert all("could not look: " in each.says for _, each in told if each.status == "unknown")
    assert ("dkim", Status.OK) in [(name, each.status) for name, each in told]
    assert is_well((each for _, each in told), strict=False)
    assert not is_well((each for _, each in told), strict=True)


def test_a_resolver_that_does_not_answer_ends_nothing(account: Account) -> None:
    """Records are unknown then; what SES says of the domain is not."""
    checks = chosen(
        ["sender-verified", "dmarc", "mail-from"], with_cost=False, with_round_trip=False
    )
    context = Context(account.target, account.at, resolver=resolver_of(9, seconds=0.2))
    statuses = {name: each.status for name, each in examine(context, checks)}
    assert statuses == {"sender-verified": "ok", "dmarc": "unknown", "mail-from": "unknown"}


def test_a_stack_that_lacks_a_resource_ends_nothing(account: Account) -> None:
    """Such as one of an earlier release."""
    del account.resources["OwnConfigurationSet"]
    statuses = {name: each.status for name, each in found(account)}
    assert (statuses["event-destinations"], statuses["dead-letters"]) == ("unknown", "ok")


def test_an_answer_that_lacks_something_ends_nothing(account: Account) -> None:
    """A field that AWS no longer sends, or a policy that is no JSON."""
    del account.account["SendQuota"]
    statuses = {name: each.status for name, each in found(account)}
    assert (statuses["quota"], statuses["sending"], statuses["lag"]) == ("unknown", "ok", "ok")


def test_what_it_costs_is_asked_only_on_demand(account: Account) -> None:
    """By service, the dearest first; without the permission it says what it needs."""
    assert "cost" not in {name for name, _ in found(account)}
    groups = [
        {"Keys": [service], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}
        for service, amount in (("Amazon DynamoDB", "1.25"), ("Amazon Simple Email Service", "2.5"))
    ]
    target = "AWSInsightsIndexService.GetCostAndUsage"
    account.state.answers[target] = {"ResultsByTime": [{"Groups": groups}, {"Groups": groups[:1]}]}
    ((_, told),) = found(account, "cost", with_cost=True)
    assert "$5.00" in told.says
    assert told.says.index("Amazon DynamoDB 2.50") > 0
    account.state.refused.add(target)
    ((_, told),) = found(account, "cost", with_cost=True)
    assert (told.status, "ce:GetCostAndUsage" in told.says) == ("unknown", True)


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def here(moto_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A folder in which a local stack runs, as far as `sendtrail` can tell."""
    physical = moto_backend.resources.physical
    state = {
        "region": "eu-west-1",
        "gateway": "http://127.0.0.1:9",
        "aws_endpoint": moto_backend.endpoints.aws,
        "dynamodb_endpoint": "",
        "resources": {
            name: value for (name, attribute), value in physical.items() if not attribute
        },
        "parameters": dict(moto_backend.resources.parameters),
    }
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(json.dumps(state))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    return moto_backend


def test_the_local_stack_is_well(here: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """What only AWS has is skipped, with a reason; nothing is unknown."""
    assert main(["doctor", "--strict"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "skipped"}
    assert [line for line in lines if line.startswith("skipped")] == [
        line for line in lines if "not here: " in line
    ]


def test_what_is_wrong_ends_with_one(here: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """And `--only` looks at nothing else; in JSON as in lines."""
    url = here.resources.physical["IngestDlq", ""]
    here.endpoints.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert main(["doctor"]) == 1
    assert "\nwrong   dead-letters: 1 in IngestDlq: " in capsys.readouterr().out
    assert main(["doctor", "--only", "dead-letters", "--json"]) == 1
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["check"], only["status"]) == ("dead-letters", "wrong")
    assert main(["doctor", "--only", "sender", "--only", "api-keys"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "sender:",
        "api-keys:",
    ]


def test_a_check_that_is_none_is_a_wrong_call(
    here: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that there are, are named."""
    assert main(["doctor", "--only", "weather"]) == 2
    assert "--only weather: there are the checks production-access, " in capsys.readouterr().err


def test_a_round_trip_without_an_api_is_wrong(
    here: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what does not answer, and leaves no key behind."""
    assert main(["doctor", "--only", "round-trip", "--round-trip"]) == 1
    assert "wrong   round-trip: " in capsys.readouterr().out
    arn = here.resources.physical["ApiKeys", ""]
    secret = here.endpoints.client("secretsmanager").get_secret_value(SecretId=arn)
    assert json.loads(secret["SecretString"]) == {"keys": []}


def test_tables_may_be_elsewhere(here: Backend) -> None:
    """DynamoDB has an endpoint of its own then; all other services have moto's."""
    file = Path(".local/stack.json")
    state = json.loads(file.read_text()) | {"dynamodb_endpoint": "http://127.0.0.1:8000"}
    file.write_text(json.dumps(state))
    target = Target.of(None)
    ends = {name: target.client(name).meta.endpoint_url for name in ("dynamodb", "sqs", "sesv2")}
    assert ends == {
        "dynamodb": "http://127.0.0.1:8000", "sqs": state["aws_endpoint"], "sesv2": state["aws_endpoint"],
    }  # fmt: skip
    assert target.outputs == {"ApiUrl": state["gateway"]}
