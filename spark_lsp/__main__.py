"""`python -m spark_lsp` is `spark-lsp`."""

import sys

from spark_lsp.search_path import leave_working_directory

leave_working_directory()  # before anything is imported that a folder here could be named after

from spark_lsp.cli import main  # noqa: E402

sys.exit(main())
