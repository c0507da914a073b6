"""Instructions in other human languages allow what the same ones in English allow."""

import pytest

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.translation import translate_words
from tests.unit.prompts.test_checks import code_of, refusal_of

LOUD = "def greet(name):\n    print('hello')\n    log('greeted')\n    return name\n"
QUIET = "def greet(name):\n    return name\n"
LISTED = "def f(xs):\n    return [x for x in xs if x]\n"
LAZY = "def f(xs):\n    return (x for x in xs if x)\n"


@pytest.mark.parametrize(
    ("instruction", "word"),
    [
        ("Entferne die Ausgaben", "remove"),
        ("Lösche die Zeilen mit print", "remove"),
        ("Supprime les affichages", "remove"),
        ("Elimina los mensajes", "remove"),
        ("Remova as mensagens", "remove"),
        ("Rimuovi i messaggi", "remove"),
        ("Verwijder de uitvoer", "remove"),
        ("Usuń komunikaty", "remove"),
        ("Удали вывод", "remove"),
        ("删除打印语句", "remove"),
        ("print文を削除して", "remove"),
        ("출력문을 제거해", "remove"),
        ("Ersetze die Schleife", "replace"),
        ("Remplace la boucle", "replace"),
        ("Переименуй функцию", "rename"),
        ("Benenne die Variable um", "rename"),
        ("Gib einen Generator statt einer Liste zurück", "return"),
        ("Renvoie un générateur au lieu d'une liste", "instead"),
        ("Devuelve un generador", "return"),
        ("改为返回生成器", "return"),
        ("Vereinfache den Ausdruck", "simplify"),
    ],
)
def test_the_words_of_other_languages(instruction: str, word: str) -> None:
    assert word in translate_words(instruction).split()


@pytest.mark.parametrize(
    "instruction",
    [
        "Add logging, and keep the cancellation and the exclusion as they are",
        "Add type hints to the quit handler and the sine function sin(x)",
        'Quote the user\'s name with the template `entfernen`, and log "supprimer"',
        "Add an upper bound of one second to the substitution in the transformed solution",
        "Add a docstring that names the unit of the interval",
        "Make the evident limits constants, and time the borrowed primes",
        "Füge Protokollausgaben hinzu",
        "Ajoute des annotations de type",
        "Añade una docstring",
        "添加类型注解",
    ],
)
def test_no_word_is_seen_where_there_is_none(instruction: str) -> None:
    assert translate_words(instruction) == ""


@pytest.mark.parametrize(
    ("old", "new", "words", "code"),
    [
        (LOUD, QUIET, "Entferne die Ausgaben", None),
        (LOUD, QUIET, "Supprime les messages", None),
        (LOUD, QUIET, "删除输出", None),
        (LOUD, QUIET, "Füge Typangaben hinzu", Code.PROPOSAL_REMOVES_CODE),
        (LOUD, QUIET, "Ajoute des annotations de type", Code.PROPOSAL_REMOVES_CODE),
        (LISTED, LAZY, "Gib einen Generator statt einer Liste zurück", None),
        (LISTED, LAZY, "Devuelve un generador", None),
        (LISTED, LAZY, "Füge Typangaben hinzu", Code.PROPOSAL_CHANGES_INTERFACE),
    ],
)
def test_the_checks_understand_them(old: str, new: str, words: str, code: Code | None) -> None:
    refused = refusal_of(old, new, text=old, language="python", action="instruct", words=words)
    assert code_of(refused) == code
