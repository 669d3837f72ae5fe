"""Pictures of leaderboards and certificates: their size, their room, and who can be named in them."""

import io
import subprocess
import sys
import unicodedata
from dataclasses import replace

import pytest
from PIL import Image

from adapters.pictures import certificate, leaderboard
from adapters.pictures.canvas import Canvas
from adapters.pictures.letters import written
from adapters.pictures.shown import BoardPicture, Certificate, Row

ROWS = tuple(Row(str(place), f"racer-{place}", "1:02.345", f"+0.{place:03}") for place in range(1, 13))
BOARD = BoardPicture("Lap of R&D", "Best lap", ROWS, "15 Mar 2027", "(not drawn)")
CERTIFICATE = Certificate(
    "Certificate",
    "This is to certify that",
    "Łucja Đorđević",
    "finished Lap of R&D",
    (("Place", "17"), ("Time", "1:02.345")),
    "17",
    "1 April 2027",
)
NIGHT, PAPER = (16, 24, 40), (252, 250, 244)
LONG = "W" * 300


def opened(png: bytes) -> Image.Image:
    assert png.startswith(b"\x89PNG\r\n")
    picture = Image.open(io.BytesIO(png))
    assert picture.mode == "P"
    return picture.convert("RGB")


def is_bare(picture: Image.Image, corners: tuple[int, int, int, int], ground: tuple[int, int, int]) -> bool:
    """Whether nothing is drawn in this part of the picture; a palette has the ground's color but nearly."""
    pixels = picture.crop(corners).tobytes()
    return all(abs(value - ground[place % 3]) <= 4 for place, value in enumerate(pixels))


@pytest.mark.parametrize(("rows", "height"), [(0, 350), (1, 350), (3, 502), (10, 1034), (12, 1034)])
def test_a_leaderboard_is_as_high_as_its_first_ten_rows_need(rows: int, height: int) -> None:
    assert opened(leaderboard.draw(replace(BOARD, rows=ROWS[:rows]))).size == (1200, height)


def test_the_eleventh_row_is_not_shown() -> None:
    assert leaderboard.draw(BOARD) == leaderboard.draw(replace(BOARD, rows=ROWS[:10]))
    assert leaderboard.draw(BOARD) != leaderboard.draw(replace(BOARD, rows=ROWS[:9] + ROWS[10:]))


def test_places_on_the_podium_have_a_medal() -> None:
    picture = opened(
        leaderboard.draw(replace(BOARD, rows=tuple(replace(row, place="2") for row in ROWS[:2])))
    )
    plain = opened(leaderboard.draw(replace(BOARD, rows=tuple(replace(row, place="4") for row in ROWS[:2]))))

    for top in (190, 266):
        assert picture.getpixel((72, top + 38)) == picture.getpixel((90, top + 16)) == (198, 206, 218)
        assert plain.getpixel((72, top + 38)) != (198, 206, 218)


def test_a_certificate_fits_on_a_sheet() -> None:
    picture = opened(certificate.draw(CERTIFICATE))

    assert picture.size == (1754, 1240)
    assert picture.getpixel((20, 20)) == PAPER


def test_the_same_drawing_is_the_same_bytes_and_another_name_is_not() -> None:
    assert certificate.draw(CERTIFICATE) == certificate.draw(CERTIFICATE)
    assert certificate.draw(CERTIFICATE) != certificate.draw(replace(CERTIFICATE, name="Ada"))
    assert leaderboard.draw(BOARD) == leaderboard.draw(BOARD)


def test_text_too_long_for_its_room_stays_within_it() -> None:
    long = replace(CERTIFICATE, name=LONG, lead=LONG, achievement=LONG, seal=LONG, footer=LONG, heading=LONG)
    sheet = opened(certificate.draw(replace(long, facts=((LONG, LONG),) * 3)))
    for corners in ((62, 200, 128, 1170), (1626, 200, 1692, 1170)):
        assert is_bare(sheet, corners, PAPER)
    assert not is_bare(sheet, (200, 200, 1550, 1170), PAPER)

    board = BoardPicture(LONG, LONG, (Row("4", LONG, "1:02.345", "+10.778"),), LONG, LONG)
    shown = opened(leaderboard.draw(board))
    assert is_bare(shown, (1162, 101, 1200, 350), NIGHT)
    assert not is_bare(shown, (64, 101, 1136, 350), NIGHT)


def test_a_text_that_does_not_fit_is_cut_where_it_would_be_too_small_to_read() -> None:
    def wrote(text: str) -> bytes:
        canvas = Canvas(200, 40, PAPER)
        canvas.text((10, 20), text, 20, NIGHT, room=180)
        return canvas.png()

    assert wrote("A name") != wrote("A name too")
    assert wrote("x" * 100) == wrote("x" * 200)
    assert wrote("") == Canvas(200, 40, PAPER).png()


def test_times_stand_below_each_other_digit_by_digit() -> None:
    def left_edge(text: str) -> int:
        canvas = Canvas(200, 40, PAPER)
        canvas.figures((190, 20), text, 20, NIGHT)
        picture = opened(canvas.png())
        return min(x for x in range(200) if any(picture.getpixel((x, y)) != PAPER for y in range(40)))

    assert left_edge("8:11.111") == left_edge("8:00.000")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Łucja Đorđević-Nguyễn", "Łucja Đorđević-Nguyễn"),
        ("Αθηνά Жанна Їжак", "Αθηνά Жанна Їжак"),
        ("José “Pepe” O’Neill", "José “Pepe” O’Neill"),
        ("  Ada\n\t  Lovelace\x00 ", "Ada Lovelace"),
        ("a\u202eb\u2066c", "abc"),
        ("Ada \U0001f680 Lovelace", "Ada Lovelace"),
        ("\U0001f469\u200d\U0001f680\ufe0f", ""),
        ("Z\u0301\u0302\u0303\u0304\u0305algo", "Ź\u0302\u0303algo"),
        ("\u0301", ""),
        ("", ""),
    ],
)
def test_what_can_be_written_is_written_and_the_rest_left_out(name: str, shown: str) -> None:
    assert written(name) == unicodedata.normalize("NFC", shown)


def test_other_scripts_are_drawn_with_a_font_of_the_machine_or_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def drawn(alias: str) -> bytes:
        return leaderboard.draw(replace(BOARD, rows=(replace(ROWS[0], alias=alias),)))

    assert written("שלום עולם") in {"", "שלום עולם"}
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    assert written("שלום עולם") == ""
    assert drawn("שלום") == drawn("(not drawn)")


@pytest.mark.parametrize("room", [22_000, 12_000])
def test_a_picture_fits_into_the_room_there_is_and_keeps_its_colors(room: int) -> None:
    png = leaderboard.draw(BOARD, room)
    picture = opened(png)

    assert len(png) <= room
    assert picture.width >= 480
    assert {(255, 200, 60), (198, 206, 218)} <= {color for _, color in picture.getcolors() or ()}


def test_nobody_who_draws_nothing_loads_pillow() -> None:
    program = "import sys, bot.serve, bot.wiring, bot.board_wording; sys.exit('PIL' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
