"""`python -P -m spark_lsp` is `spark-lsp`.

Without `-P` Python takes a folder `spark_lsp` of the working directory before ours; nothing here can help it.
"""

import sys

from spark_lsp.search_path import leave_working_directory

leave_working_directory()  # before anything is imported that a folder here could be named after

from spark_lsp.cli import main  # noqa: E402

sys.exit(main())
