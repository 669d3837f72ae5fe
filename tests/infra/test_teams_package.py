"""The Teams app package: a manifest Teams accepts, icons by its rules, and the grammar's own commands."""

import copy
import hashlib
import io
import json
import os
import struct
import tomllib
import zipfile
import zlib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot import settings
from bot.grammar import VERBS, Unknown, parse
from bot.words import words
from infra import teams_icons, teams_package
from infra.teams_package import Developer

APP_ID = "0F9A4C9E-11AA-4B1C-9C2D-5E6F70819203"
US = Developer(
    "Event organizers", "https://www.example.com/cup", "https://www.example.com/privacy", "https://x.example"
)


def text(longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, **more}


def closed(**properties: Any) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


GUID = text(36, pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
PAGE = text(2048, pattern="^https://")
SCOPES = {"const": ["personal", "team", "groupChat"]}
NO = {"const": False}
OUR_RULES = closed(
    **{"$schema": text(200, pattern="/teams/v1.25/")},
    manifestVersion={"const": "1.25"},
    version=text(20, pattern=r"^\d+\.\d+\.\d+$"),
    id=GUID,
    developer=closed(name=text(32), websiteUrl=PAGE, privacyUrl=PAGE, termsOfUseUrl=PAGE),
    name=closed(short=text(30), full=text(100)),
    description=closed(short=text(80), full=text(4000)),
    icons=closed(color={"const": "color.png"}, outline={"const": "outline.png"}),
    accentColor=text(7, pattern="^#[0-9a-f]{6}$"),
    bots={
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": closed(
            botId=GUID,
            scopes=SCOPES,
            isNotificationOnly=NO,
            supportsFiles=NO,
            supportsCalling=NO,
            supportsVideo=NO,
            commandLists={
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": closed(
                    scopes=SCOPES,
                    commands={
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 12,
                        "items": closed(title=text(32), description=text(128)),
                    },
                ),
            },
        ),
    },
    defaultInstallScope={"const": "personal"},
    defaultGroupCapability={"const": {"team": "bot", "groupchat": "bot"}},
    permissions={"const": ["identity", "messageTeamMembers"]},
    validDomains={"const": []},
)
SCHEMAS = {"our rules": OUR_RULES}
# Read while collecting: conftest clears the environment before each test.
if published := os.environ.get("TEAMS_MANIFEST_SCHEMA"):
    SCHEMAS["Teams' schema"] = json.loads(Path(published).read_text(encoding="utf-8"))

WRITTEN = teams_package.read()
FILLED = teams_package.filled(WRITTEN, APP_ID, US)

Pixel = tuple[int, int, int, int]


def pixels(png: bytes) -> list[list[Pixel]]:
    """Read a PNG of ours: eight bits a channel, with alpha, every line unfiltered."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, compressed, width = 8, b"", 0
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + body),)
        if name == b"IHDR":
            width, _, *kind = struct.unpack(">IIBBBBB", body)
            assert kind == [8, 6, 0, 0, 0]
        compressed += body if name == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(compressed)
    lines = [raw[start : start + 1 + 4 * width] for start in range(0, len(raw), 1 + 4 * width)]
    assert {line[0] for line in lines} == {0}
    return [[tuple(line[at : at + 4]) for at in range(1, len(line), 4)] for line in lines]  # type: ignore[misc]


def validator(schema: dict[str, Any]) -> Any:
    """Teams' schema is one of draft 4, and says so."""
    return jsonschema.validators.validator_for(schema, jsonschema.Draft7Validator)(schema)


@pytest.fixture(scope="module")
def color() -> list[list[Pixel]]:
    return pixels(teams_icons.color_icon())


@pytest.fixture(scope="module")
def outline() -> list[list[Pixel]]:
    return pixels(teams_icons.outline_icon())


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_the_filled_manifest_is_one_teams_accepts(schema: dict[str, Any]) -> None:
    validator(schema).validate(FILLED)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_misspelt_key_is_noticed(schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError, match="acentColor"):
        validator(schema).validate({**FILLED, "acentColor": "#000000"})


def test_filling_leaves_the_manifest_as_it_was() -> None:
    assert teams_package.read() == WRITTEN
    assert "botId" not in json.dumps(WRITTEN)


def test_the_bot_is_the_one_asked_for() -> None:
    assert FILLED["id"] == FILLED["bots"][0]["botId"] == APP_ID.lower()


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((teams_package.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert FILLED["version"] == project["version"]


def test_the_app_stays_out_of_channels_where_outsiders_may_be_and_asks_nobody_to_sign_in() -> None:
    assert not FILLED.keys() & {"supportsChannelFeatures", "supportedChannelTypes", "webApplicationInfo"}


def test_teams_offers_exactly_the_verbs_for_everyone_in_every_scope() -> None:
    [offered] = FILLED["bots"][0]["commandLists"]
    everyone = [verb for verb in VERBS if verb.audience == "everyone" and verb.listed]

    assert offered["scopes"] == FILLED["bots"][0]["scopes"]
    assert [command["title"] for command in offered["commands"]] == [verb.name for verb in everyone]
    for command, verb in zip(offered["commands"], everyone, strict=True):
        assert command["description"].lower() == words(platform="teams").plain(verb.key).lower()


def test_what_a_menu_entry_types_is_understood() -> None:
    [offered] = FILLED["bots"][0]["commandLists"]
    for command in offered["commands"]:
        assert not isinstance(parse(command["title"]), Unknown)


def test_the_app_id_is_read_from_the_bots_own_setting() -> None:
    assert teams_package.APP_ID in settings.names()


@pytest.mark.parametrize("app_id", ["", "bot", APP_ID[:-1], f"{APP_ID} ", "0F9A4C9E11AA4B1C9C2D5E6F70819203"])
def test_an_id_that_is_no_bots_is_refused(app_id: str) -> None:
    with pytest.raises(ValueError, match="not the application"):
        teams_package.filled(WRITTEN, app_id, US)


@pytest.mark.parametrize(
    ("developer", "why"),
    [
        (Developer("", US.website, US.privacy, US.terms), "1 to 32 characters"),
        (Developer("x" * 33, US.website, US.privacy, US.terms), "1 to 32 characters"),
        (Developer("Us", "http://www.example.com", US.privacy, US.terms), "not an https address"),
        (Developer("Us", US.website, "https://", US.terms), "not an https address"),
        (Developer("Us", US.website, US.privacy, "www.example.com"), "not an https address"),
    ],
)
def test_a_developer_teams_would_refuse_is_refused_here(developer: Developer, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        teams_package.filled(WRITTEN, APP_ID, developer)


def test_the_zip_holds_the_manifest_and_the_two_icons_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(teams_package.package(FILLED))) as archive:
        assert archive.namelist() == ["manifest.json", "color.png", "outline.png"]
        assert json.loads(archive.read("manifest.json")) == FILLED
        assert archive.read("color.png") == teams_icons.color_icon()
        assert archive.read("outline.png") == teams_icons.outline_icon()


def test_the_same_manifest_makes_the_same_package_and_another_one_another() -> None:
    other = copy.deepcopy(FILLED)
    other["developer"]["name"] = "Somebody else"
    made = [hashlib.sha256(teams_package.package(of)).hexdigest() for of in (FILLED, FILLED, other)]

    assert made[0] == made[1] != made[2]


def test_the_color_icon_is_a_full_square_with_the_symbol_in_its_middle(color: list[list[Pixel]]) -> None:
    ground = (*teams_icons.GROUND, 255)
    drawn = [(x, y) for y, row in enumerate(color) for x, pixel in enumerate(row) if pixel != ground]

    assert (len(color), len(color[0])) == (192, 192)
    assert {pixel[3] for row in color for pixel in row} == {255}
    assert all(48 <= part < 144 for point in drawn for part in point)
    assert len(drawn) > 96 * 96 / 3


def test_the_colors_ground_is_the_accent_color() -> None:
    assert FILLED["accentColor"] == "#{:02x}{:02x}{:02x}".format(*teams_icons.GROUND)


def test_the_outline_icon_is_pure_white_on_nothing_and_has_no_margin(outline: list[list[Pixel]]) -> None:
    drawn = [(x, y) for y, row in enumerate(outline) for x, pixel in enumerate(row) if pixel[3]]
    columns, rows = [x for x, _ in drawn], [y for _, y in drawn]

    assert (len(outline), len(outline[0])) == (32, 32)
    assert {pixel[:3] for row in outline for pixel in row} == {(255, 255, 255)}
    assert outline[31][31][3] == 0
    assert (min(columns), max(columns), min(rows), max(rows)) == (0, 31, 0, 31)


def test_the_outline_shows_the_same_flag(color: list[list[Pixel]], outline: list[list[Pixel]]) -> None:
    """In the middle of each square of the cloth, white here is white there."""
    for x, y in ((5, 9), (12, 9), (19, 6), (26, 5), (5, 14), (12, 14), (5, 20), (26, 11)):
        red, green, blue, _ = color[48 + 3 * y + 1][48 + 3 * x + 1]
        assert ((red, green, blue) == (255, 255, 255)) == (outline[y][x][3] == 255)


def test_the_command_writes_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "made" / "app.zip"
    teams_package.main(
        ["--app-id", APP_ID, "--developer", "Us", "--website", US.website, "--output", str(path)]
    )

    with zipfile.ZipFile(path) as archive:
        developer = json.loads(archive.read("manifest.json"))["developer"]
    assert developer == {
        "name": "Us",
        "websiteUrl": US.website,
        "privacyUrl": US.website,
        "termsOfUseUrl": US.website,
    }
    assert str(path) in capsys.readouterr().out


def test_the_command_takes_the_bot_from_the_environment_or_from_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(f"MICROSOFT_APP_ID={APP_ID}\n", encoding="utf-8")
    teams_package.main(["--output", "one.zip"])
    monkeypatch.setenv("MICROSOFT_APP_ID", APP_ID.replace("0F9A", "1111"))
    teams_package.main(["--output", "two.zip"])

    ids = [json.loads(zipfile.ZipFile(name).read("manifest.json"))["id"] for name in ("one.zip", "two.zip")]
    assert [found[:4] for found in ids] == ["0f9a", "1111"]
    assert "--website" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["--app-id", "bot"], ["--app-id", APP_ID, "--website", "http://x.example"]]
)
def test_the_command_refuses_to_guess(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        teams_package.main(arguments)
    assert "error:" in capsys.readouterr().err
