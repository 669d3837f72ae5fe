"""What the package leaves out is what no function asks for, and the list of it is no older than the code."""

import re
from pathlib import Path

import pytest

from infra import trimming

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))


def test_libraries_of_the_command_line_are_not_fetched_and_all_others_are_as_they_are_locked() -> None:
    needed = trimming.needed(LOCK)

    assert names(LOCK) - names(needed) == set(trimming.ELSEWHERE)
    assert all(line in LOCK for line in needed.splitlines())
    assert needed.count("--hash=") > 500


def test_only_services_that_the_code_calls_are_packed(tmp_path: Path) -> None:
    known = tmp_path / "botocore" / "data"
    for service in ("dynamodb", "sqs", "sso-admin", "service-quotas", "sts", "ec2", "s3", "sagemaker"):
        (known / service).mkdir(parents=True)
    (known / "endpoints.json").write_text("{}")

    trimming.trim(tmp_path)

    assert {path.name for path in known.iterdir()} == {
        *("dynamodb", "sqs", "sso-admin", "service-quotas", "sts", "endpoints.json")
    }


@pytest.mark.parametrize(
    "service",
    [
        *("cognito-identity", "cognito-idp", "dynamodb", "identitystore", "secretsmanager", "service-quotas"),
        *("sesv2", "sqs", "ssm", "sso-admin", "sts"),
    ],
)
def test_a_service_that_the_bot_speaks_to_stays_packed(service: str) -> None:
    assert service in trimming.services_called([service])


def test_the_languages_of_the_catalogs_stay_with_their_regions(tmp_path: Path) -> None:
    locales = tmp_path / "babel" / "locale-data"
    locales.mkdir(parents=True)
    (tmp_path / "botocore" / "data").mkdir(parents=True)
    spoken = trimming.languages()
    for name in (*spoken, "en_GB", "root", "tlh", "tlh_Latn"):
        (locales / f"{name}.dat").write_text("")

    trimming.trim(tmp_path)

    assert "en" in spoken
    assert {path.stem for path in locales.iterdir()} == {*spoken, "en_GB", "root"}
