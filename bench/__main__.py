"""How fast, always as a ratio within one run: `python -m bench [door teams growth calls start]`."""

import argparse

from bench import calls, door, growth, start, teams

NOUNS = {
    "door": door.measure,
    "teams": teams.measure,
    "growth": growth.measure,
    "calls": calls.measure,
    "start": start.measure,
}
ROUNDS = 5
QUICK_ROUNDS = 3


def main() -> None:
    """Measure what was asked for, everything without a word, and print each table when it is there."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios within one run.")
    parser.add_argument("noun", nargs="*", help=f"of {', '.join(NOUNS)}; all without")
    parser.add_argument("--rounds", type=int, help=f"rounds of each measurement, {ROUNDS} unless told")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, for a first look")
    given = parser.parse_args()
    if unknown := set(given.noun) - NOUNS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    for noun in given.noun or NOUNS:
        for table in NOUNS[noun](rounds, quick=given.quick):
            table.show()


if __name__ == "__main__":
    main()
