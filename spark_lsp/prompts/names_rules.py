"""The languages whose names can be judged, with their rules."""

from spark_lsp.prompts import names_javascript, names_python
from spark_lsp.prompts.names_code import LanguageRules

LANGUAGES: dict[str, LanguageRules] = {
    "python": names_python.RULES,
    "javascript": names_javascript.RULES,
    "javascriptreact": names_javascript.RULES,
    "typescript": names_javascript.RULES,
    "typescriptreact": names_javascript.RULES,
}
