"""`python -m spark_lsp` is `spark-lsp`."""

import sys

from spark_lsp.home import settle

settle()  # before anything is imported that a folder here could be named after

from spark_lsp.cli import main  # noqa: E402

sys.exit(main())
