"""Python modules that are usually imported under a short name."""

MODULE_ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "tk": "tkinter"}
