"""The first capability told as scenarios: a signed request in, directories and messages out, over real HTTP.

The usual run takes a few minutes. `SCENARIOS=long` in the environment runs every variant, and the crash and
the races at full length.
"""

import os

LONG = os.environ.get("SCENARIOS") == "long"
