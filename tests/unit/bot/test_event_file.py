from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.event_file import EventFileInvalid, difference, may_apply, parse, successor
from provisioning.events import Ceiling, EntraGroup, Event, IdentityCenterGroup, Quota
from provisioning.ids import GroupId

RACERS = "0c1a1111-2222-4333-8444-555566667777"
OTHERS = "0c1a1111-2222-4333-8444-555566668888"
INSTANCE = "arn:aws:sso:::instance/ssoins-7223a1b2c3d4e5f6"
PERMISSION_SET = "arn:aws:sso:::permissionSet/ssoins-7223a1b2c3d4e5f6/ps-1a2b3c4d5e6f7a8b"
HEAD = """
[event]
id = "spring-cup-2027"
name = "Spring Cup 2027"
opens = 2027-03-01T09:00:00+01:00
closes = 2027-04-01T18:00:00+02:00
ends = 2027-04-15T18:00:00+02:00
capacity = 2000
email_domains = ["Example.com"]
organizer_group = "7D5E1111-2222-4333-8444-555566667777"
"""
ACCESS = """access_url = "https://racing.example.com/start"
"""
ENTRA = f"""
[[event.grants]]
kind = "entra-group"
group_id = "{RACERS}"
"""
IDENTITY_CENTER = f"""
[[event.grants]]
kind = "identity-center"
identity_store_id = "d-1234567890"
group_id = "9067a1b2c3-0c1a1111-2222-4333-8444-555566667777"
instance_arn = "{INSTANCE}"
account_id = "111122223333"
permission_set_arn = "{PERMISSION_SET}"
"""
SITE = """
[[event.grants]]
kind = "deepracer-on-aws"
site_url = "https://D111111abcdef8.cloudfront.net/"
"""
WHOLE = HEAD + ACCESS + ENTRA + IDENTITY_CENTER


def event() -> Event:
    return parse(WHOLE)


def faults(text: str) -> dict[str, str]:
    """Return what is wrong with the file, by key; each fault has its mend."""
    with pytest.raises(EventFileInvalid) as caught:
        parse(text)
    assert all(fault.mend for fault in caught.value.faults)
    return {fault.name: fault.what for fault in caught.value.faults}


def test_a_file_becomes_an_event_with_times_in_utc_and_ids_in_lower_case() -> None:
    found = event()
    assert found.opens == datetime(2027, 3, 1, 8, tzinfo=UTC)
    assert found.email_domains == ("example.com",)
    assert found.organizer_group == "7d5e1111-2222-4333-8444-555566667777"
    assert [grant.kind for grant in found.grants] == ["entra-group", "identity-center"]
    assert found.quota == Quota()
    assert found.version == 0


def test_all_optional_parts_are_read() -> None:
    text = WHOLE.replace(
        ACCESS,
        ACCESS
        + """retention_days = 7
link_hosts = ["d111111abcdef8.cloudfront.net"]
training_links = [{ title = "Get started", url = "https://racing.example.com/a" }]
channels = ["slack:C0123456", "teams:19:abc@thread.tacv2"]
organizer_channel = "slack:C0654321"
names = true
mails = true
[event.quota]
training_hours = 3
max_hours = 4
price_per_hour = "0.8568 USD"
""",
    )
    found = parse(text)
    assert found.quota == Quota(training_hours=3, models=5)
    assert found.ceiling == Ceiling(training_hours=4)
    assert found.price_per_hour is not None
    assert (str(found.price_per_hour), found.price_per_hour.of(90)) == ("0.8568 USD", Decimal("1.2852"))
    assert found.training_links[0].title == "Get started"
    assert found.channels == ("slack:C0123456", "teams:19:abc@thread.tacv2")
    assert found.organizer_channel == "slack:C0654321"
    assert (found.names, event().names) == (True, False)
    assert (found.mails, event().mails) == (True, False)
    assert ("names", None, "yes") in [
        (one.field, one.before, one.after) for one in difference(event(), found)
    ]


@pytest.mark.parametrize(
    ("before", "after", "key", "what"),
    [
        ('"spring-cup-2027"', '"Spring Cup"', "event.id", "no event id"),
        ("2027-03-01T09:00:00+01:00", "2027-03-01T09:00:00", "event.opens", "no zone"),
        ("2027-03-01T09:00:00+01:00", '"2027-03-01T09:00:00+01:00"', "event.opens", "not a date"),
        ("2027-03-01T09:00:00+01:00", "2027-05-01T09:00:00+01:00", "event.closes", "not after opens"),
        ("2027-04-15T18:00:00+02:00", "2027-03-15T18:00:00+02:00", "event.ends", "before closes"),
        ("capacity = 2000", "capacity = 0", "event.capacity", "is 0"),
        ("capacity = 2000", 'capacity = "many"', "event.capacity", "whole number"),
        ("capacity = 2000", "capacity = true", "event.capacity", "whole number"),
        ("capacity = 2000", "capacity = 2000\nnames = 'yes'", "event.names", "neither true nor false"),
        ("capacity = 2000", "capacty = 2000", "event.capacity", "missing"),
        ('["Example.com"]', '["*.example.com"]', "event.email_domains", "no exact domain"),
        ('["Example.com"]', '["@example.com"]', "event.email_domains", "no exact domain"),
        ('["Example.com"]', "[]", "event.email_domains", "empty"),
        ('["Example.com"]', '["a.com", "a.com"]', "event.email_domains", "twice"),
        ('"https://racing', '"http://racing', "event.access_url", "no https"),
        ('"https://racing', '"https://racing@', "event.access_url", "no https"),
        ('"https://racing', '"https://:secret@', "event.access_url", "no https"),
        (RACERS, "racers", "event.grants[1].group_id", "no object id"),
        (
            "capacity = 2000",
            "capacity = 2\nquota.max_hours = 9",
            "event.quota.max_hours",
            "below training_hours",
        ),
        ("capacity = 2000", "capacity = 2\nquota.max_models = -1", "event.quota.max_models", "is -1"),
        (
            "capacity = 2000",
            'capacity = 2\nquota.price_per_hour = "cheap"',
            "event.quota.price_per_hour",
            "no price",
        ),
        ('"d-1234567890"', '"d-12345"', "event.grants[2].identity_store_id", "no identity store"),
        ('"111122223333"', '"1111"', "event.grants[2].account_id", "no account"),
        (INSTANCE, "arn:aws:iam::1:role/x", "event.grants[2].instance_arn", "no ARN"),
        (PERMISSION_SET, "DeepRacer", "event.grants[2].permission_set_arn", "no ARN"),
        ('"entra-group"', '"entra-grup"', "event.grants[1].kind", "no kind"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(before: str, after: str, key: str, what: str) -> None:
    found = faults(WHOLE.replace(before, after, 1))
    assert what in found[key]


def test_all_faults_are_told_at_once() -> None:
    found = faults(
        WHOLE.replace("capacity = 2000", "capacity = 0").replace('"Spring', '"').replace(RACERS, "x")
    )
    assert {"event.capacity", "event.grants[1].group_id"} <= set(found)


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(EventFileInvalid) as caught:
        parse(WHOLE.replace("organizer_group", "organiser_group"))
    mends = {fault.name: fault.mend for fault in caught.value.faults}
    assert mends["event.organiser_group"] == "Did you mean organizer_group?"


def test_a_file_without_an_event_says_so_once() -> None:
    assert list(faults("")) == ["event"]
    assert "not TOML" in faults("[event")["the file"]


def test_the_same_group_is_not_granted_twice() -> None:
    assert "twice" in faults(WHOLE + ENTRA)["event.grants[3].group_id"]


TABLE = """access_url = { portal = "https://d-1234567890.awsapps.com/start", role_name = "DeepRacer", \
destination = "https://eu-west-1.console.aws.amazon.com/deepracer/home?region=eu-west-1#races" }
"""


def test_a_table_becomes_the_portals_shortcut_with_an_encoded_destination() -> None:
    found = parse(HEAD + TABLE + ENTRA + IDENTITY_CENTER).access_url
    assert found == (
        "https://d-1234567890.awsapps.com/start/#/console?account_id=111122223333&role_name=DeepRacer"
        "&destination=https%3A%2F%2Feu-west-1.console.aws.amazon.com%2Fdeepracer%2Fhome%3Fregion%3Deu-west-1%23races"
    )


def test_the_portal_of_the_settings_stands_in_for_one_the_table_leaves_out() -> None:
    text = HEAD + 'access_url = { role_name = "DeepRacer" }\n' + IDENTITY_CENTER
    portal = "https://acme.awsapps.com/start/#/"
    assert parse(text, portal).access_url.startswith("https://acme.awsapps.com/start/#/console?account_id=")
    assert "missing" in faults(text)["event.access_url.portal"]


def test_a_table_needs_an_identity_center_grant() -> None:
    assert "no grant of kind identity-center" in faults(HEAD + TABLE + ENTRA)["event.access_url"]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("account_id=999922223333&role_name=DeepRacer", "leads to account 999922223333"),
        ("role_name=DeepRacer", "leads to account (none)"),
        ("account_id=111122223333&destination=https://x.example/?a=1&b=2", "not percent-encoded"),
    ],
)
def test_a_shortcut_that_leads_elsewhere_is_refused(query: str, what: str) -> None:
    url = f'access_url = "https://d-1234567890.awsapps.com/start/#/console?{query}"\n'
    assert what in faults(HEAD + url + IDENTITY_CENTER)["event.access_url"]


def test_a_new_event_differs_in_everything_and_the_same_event_in_nothing() -> None:
    assert {change.before for change in difference(None, event())} == {None}
    stored = replace(event(), version=7, taken=3, opens=event().opens.astimezone(UTC))
    assert difference(stored, event()) == []


def test_the_difference_names_field_before_and_after() -> None:
    changed = replace(
        event(), capacity=10, ends=event().ends + timedelta(days=1), channels=("slack:C0123456",)
    )
    found = {change.field: (change.before, change.after) for change in difference(event(), changed)}
    assert found == {
        "capacity": ("2000", "10"),
        "ends": ("2027-04-15 16:00:00 UTC", "2027-04-16 16:00:00 UTC"),
        "channels": (None, "slack:C0123456"),
    }


def test_grants_added_retired_and_reordered_are_differences() -> None:
    first, second = event().grants
    added = difference(replace(event(), grants=(first,)), event())
    assert [(change.field, change.before) for change in added] == [(f"grant {second.target}", None)]
    turned = difference(event(), replace(event(), grants=(second, first)))
    assert [change.field for change in turned] == ["grants in order"]


def swapped() -> Event:
    return replace(event(), grants=(EntraGroup(GroupId(OTHERS)), event().grants[1]))


def test_a_grant_is_never_swapped_under_registered_people() -> None:
    with pytest.raises(EventFileInvalid, match="swapped"):
        may_apply(event(), swapped(), has_registrations=True)


def test_before_anybody_is_registered_everything_may_change() -> None:
    may_apply(event(), swapped(), has_registrations=False)
    may_apply(None, event(), has_registrations=False)
    assert successor(event(), swapped(), has_registrations=False).retired == ()


def test_a_grant_may_be_added_or_retired_while_people_are_registered() -> None:
    entra, aws = event().grants
    both = replace(event(), grants=(entra, EntraGroup(GroupId(OTHERS)), aws))
    may_apply(event(), both, has_registrations=True)
    may_apply(both, swapped(), has_registrations=True)
    assert successor(both, swapped(), has_registrations=True).retired == (entra,)


def test_a_retired_grant_that_comes_back_is_retired_no_longer() -> None:
    entra, aws = event().grants
    retired = replace(event(), grants=(aws,), retired=(entra,), version=4)
    follower = successor(retired, event(), has_registrations=True)
    assert (follower.retired, follower.version) == ((), 4)


def test_another_account_behind_the_same_group_is_a_change_and_no_swap() -> None:
    aws = event().grants[1]
    assert isinstance(aws, IdentityCenterGroup)
    moved = replace(event(), grants=(event().grants[0], replace(aws, account_id="999922223333")))
    may_apply(event(), moved, has_registrations=True)
    (change,) = difference(event(), moved)
    assert change.field == f"grant {aws.target}"


# --- the racing site ----------------------------------------------------------------------------------------


def test_a_racing_site_alone_needs_no_access_url() -> None:
    for found in (parse(HEAD + SITE), parse(HEAD + ENTRA + SITE)):
        assert (found.access_url, found.site_url) == ("", "https://d111111abcdef8.cloudfront.net")
        assert found.targets[-1] == "deepracer-on-aws:d111111abcdef8.cloudfront.net"


def test_beside_a_racing_site_there_may_be_an_address_of_ones_own() -> None:
    assert parse(HEAD + ACCESS + SITE).access_url == "https://racing.example.com/start"


def test_identity_center_needs_its_address_beside_a_racing_site_too() -> None:
    assert faults(HEAD + IDENTITY_CENTER + SITE) == {"event.access_url": "is missing"}


def test_an_event_has_one_racing_site() -> None:
    other = SITE.replace("D111111", "d222222")
    assert "second racing site" in faults(HEAD + SITE + other)["event.grants[2].site_url"]


@pytest.mark.parametrize(
    "url", ["http://site.example.com", "https://site.example.com/races", "site", "https://"]
)
def test_the_address_of_a_racing_site_is_https_and_a_host(url: str) -> None:
    written = SITE.replace("https://D111111abcdef8.cloudfront.net/", url)
    assert "event.grants[1].site_url" in faults(HEAD + written)


def test_a_racing_site_is_shown_as_what_it_gives_and_is_never_swapped() -> None:
    old, new = parse(HEAD + SITE), parse(HEAD + SITE.replace("D111111", "d222222"))
    shown = {change.field: change.after for change in difference(None, old)}
    assert shown["grant deepracer-on-aws:d111111abcdef8.cloudfront.net"] == "account on the racing site"
    with pytest.raises(EventFileInvalid):
        may_apply(old, new, has_registrations=True)
