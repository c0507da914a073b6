"""How long a test waits for what must happen: the one place that knows about slow machines.

A wait ends as soon as its condition holds, so a generous limit costs nothing. It is only reached by a test
that fails, and must never be reached because the machine is busy. `SPARK_LSP_TEST_PATIENCE=3` makes every
limit three times as long.
"""

import os

FACTOR = float(os.environ.get("SPARK_LSP_TEST_PATIENCE", "1"))
PATIENCE = 60.0 * FACTOR  # seconds for one condition
TEST_LIMIT = 300.0 * FACTOR  # seconds for one test, unless its `timeout` mark says otherwise
