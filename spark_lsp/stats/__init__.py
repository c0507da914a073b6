"""The figures and the picture of `spark-lsp stats`."""
