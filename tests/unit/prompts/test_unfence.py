"""Which part of an answer is the new text, where the text may hold code fences of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import reply
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.target_text import TargetText, target_in_document
from spark_lsp.prompts.unfence import (
    extract_new_text,
    find_code_end,
    has_closed_text,
    remove_wrapping_fence,
)
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

README = "# Demo\n\nTo install it:\n\n```sh\npip install demo\n```\n\nThat is all there is to do.\n"
GERMAN = "# Demo\n\nSo geht es:\n\n```sh\npip install demo\n```\n\nMehr ist nicht zu tun.\n"
PYTHON = 'def f(a):\n    """Do it.\n\n    ```python\n    f(1)\n    ```\n    """\n    return a + 1\n'
RUST = "/// Add one.\n///\n/// ```\n/// f(1);\n/// ```\nfn f(a: i32) -> i32 {\n    a + 1\n}\n"
SCRIPT = "const help = `\n\\`\\`\\`sh\nrun me\n\\`\\`\\`\n`;\nexport const value = 1;\n"
HEREDOC = "cat <<END\n```sh\nrun me\n```\nEND\nexit 1\n"
ADOC = "= Demo\n\n```sh\npip install demo\n```\n\nThat is all there is to do.\n"
RST = "Demo\n====\n\n.. code-block:: sh\n\n   pip install demo\n\nThat is all there is to do.\n"
RMD = "# Demo\n\n```{r, echo=FALSE}\nx <- 1\n```\n\nThat is all there is to do.\n"
LIST = "1. Install it:\n\n    ```sh\n    pip install demo\n    ```\n\n2. That is all there is to do.\n"
BARE = "# Demo\n\n```\npip install demo\n```\n\nThat is all there is to do.\n"
TEXTS = (
    ("markdown", "a.md", README),
    ("markdown", "a.md", BARE),
    ("markdown", "a.md", LIST),
    ("mdx", "a.mdx", "import A from 'a'\n\n" + README),
    ("restructuredtext", "a.rst", RST),
    ("asciidoc", "a.adoc", ADOC),
    ("rmd", "a.Rmd", RMD),
    ("quarto", "a.qmd", RMD),
    ("plaintext", "NOTES", README),
    ("python", "a.py", PYTHON),
    ("rust", "a.rs", RUST),
    ("javascript", "a.js", SCRIPT),
    ("shellscript", "a.sh", HEREDOC),
)


def edited(document: Document, answer: str, *, instruction: str = "Translate", form: str = "fenced") -> str:
    """Apply an answer about the whole document."""
    end = len(document.text.rstrip("\r\n"))
    edits = reply.propose_edits(
        "instruct",
        document,
        SyntaxTree.of(document),
        0,
        end,
        EditFormat(form),
        answer,
        instruction=instruction,
    )
    return apply_edits(document.text, edits)


def edited_or_refused(document: Document, answer: str) -> str | None:
    try:
        return edited(document, answer)
    except EditRefused:
        return None


@pytest.mark.parametrize("wrapper", ["```{}", "````{}", "~~~{}", "```", "   ```{}", '```{} title="a"'])
@pytest.mark.parametrize("around", ["{}", "Here it is:\n\n{}\n\nI changed the last line.", "{}\n"])
@pytest.mark.parametrize(("language", "name", "text"), TEXTS)
def test_a_wrapped_text_keeps_its_own_blocks(
    language: str, name: str, text: str, wrapper: str, around: str
) -> None:
    new = text.replace("That is all there is to do", "There is no more").replace("1", "2")
    opening = wrapper.format(language)
    closing = opening.strip().split(language)[0].strip()
    answer = around.format(f"{opening}\n{new}{closing}")
    document = Document(f"file:///w/{name}", text, language=language)
    certain = wrapper.startswith("```{") and language != "plaintext"
    assert edited_or_refused(document, answer) in ((new,) if certain and new != text else (new, None))


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("closed", ["```", ""])
def test_a_translation_shares_no_line_and_keeps_all(eol: str, closed: str) -> None:
    document = Document("file:///w/README.md", README.replace("\n", eol), language="markdown")
    answer = f"```markdown\n{GERMAN}{closed}".replace("\n", eol)
    assert edited(document, answer) == GERMAN.replace("\n", eol)


@pytest.mark.parametrize(
    "language", ["markdown", "md", "MARKDOWN", "{.markdown .numberLines}", "markdown:README.md"]
)
def test_the_wrapper_says_markdown_in_many_ways(language: str) -> None:
    document = Document("file:///w/README.md", README, language="markdown")
    assert edited(document, f"```{language}\n{GERMAN}```") == GERMAN


@pytest.mark.parametrize("form", ["fenced", "replace"])
@pytest.mark.parametrize(("language", "name", "text"), TEXTS)
def test_a_bare_answer_is_taken_whole(language: str, name: str, text: str, form: str) -> None:
    new = text.replace("That is all there is to do", "There is no more").replace("1", "2")
    document = Document(f"file:///w/{name}", text, language=language)
    if new != text:
        assert edited(document, new, form=form) == new


def test_a_block_may_be_added_to_a_text() -> None:
    old, new = "# Demo\n\nIt is small.\n", "# Demo\n\nIt is small.\n\n```sh\ndemo\n```\n\nSee above.\n"
    document = Document("file:///w/README.md", old, language="markdown")
    assert edited(document, new) == new
    assert edited(document, f"```markdown\n{new}```") == new
    assert edited(document, f"Here:\n\n````md\n{new}````\nDone.") == new


@pytest.mark.parametrize(
    "answer",
    [
        "Ein Satz.\n\n```\nx = 1\n```\n",  # the text itself, or talk and the text
        "```markdown\nA\n```\nx\n```\nB\n```\nC\n```\n",
        "```sh\npip install demo\n```\n```markdown\nText",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(answer: str) -> None:
    document = Document("file:///w/README.md", "It is small, and ready.\n", language="markdown")
    with pytest.raises(EditRefused, match="not applied"):
        edited(document, answer)


def test_code_within_a_markdown_block_is_code() -> None:
    text = "# Demo\n\n```python\nx = 1\n```\n"
    document = Document("file:///w/README.md", text, language="markdown")
    start = text.index("x = 1")
    edits = reply.propose_edits(
        "instruct",
        document,
        SyntaxTree.of(document),
        start,
        start + 5,
        EditFormat.FENCED,
        "Sure:\n```python\nx = 2\n```",
    )
    assert apply_edits(text, edits) == text.replace("1", "2")


CODE = "export function f(a) {\n  return a + 1;\n}"
NEW = CODE.replace("+ 1", "+ 2")


@pytest.mark.parametrize(
    "info",
    [
        "typescript.tsx",
        "c#",
        "c++",
        "{r}",
        "{.python .numberLines}",
        'ts title="a.ts"',
        "objective-c",
        "TypeScript",
        "python:src/a.py",
        "",
    ],
)
@pytest.mark.parametrize("fence", ["```", "````", "~~~"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_fence_may_say_anything_of_its_language(info: str, fence: str, eol: str) -> None:
    document = Document("file:///w/Hi.tsx", CODE + "\n", language="typescriptreact")
    answer = f"Sure:\n{fence}{info}\n{NEW}\n{fence}\nDone.".replace("\n", eol)
    assert edited(document, answer) == NEW + "\n"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (f"Before:\n```js\n{CODE}\n```\nAfter:\n```js\n{NEW}\n```", NEW),
        (f"A first draft:\n```js\n{CODE.replace('1', '3')}\n```\nThe answer:\n```js\n{NEW}\n```", NEW),
        (f"```js\n{NEW}\n```\nRun it:\n```sh\nnode a.js\n```", NEW),
        (f"```js a.js\n{NEW}\n```\n```js b.js\n{CODE.replace('1', '3')}\n```", NEW),
        (f"b.js:\n```js\n{CODE.replace('1', '3')}\n```\na.js:\n```js\n{NEW}\n```", NEW),
        (f"```js\n{NEW}\n```\nor else\n```js\n{CODE.replace('1', '3')}\n```", None),
        (f"1. Change it:\n\n   ```js\n   {NEW.replace(chr(10), chr(10) + '   ')}\n   ```\n", NEW),
        (f"```js\n{NEW}", NEW),
        (f"```js\n{NEW}```", NEW),
        (NEW, NEW),
    ],
)
def test_of_several_blocks_one_is_meant_or_none(answer: str, right: str | None) -> None:
    document = Document("file:///w/a.js", CODE, language="javascript")
    if right is not None:
        assert edited(document, answer) == right
        return
    with pytest.raises(EditRefused, match="several code blocks"):
        edited(document, answer)


def test_an_answer_that_stops_early_is_refused() -> None:
    text = "".join(f"The line number {number}.\n" for number in range(10))
    document = Document("file:///w/a.txt", text, language="plaintext")
    short = text.replace("number 0", "no. 0").split("The line number 6")[0]
    with pytest.raises(EditRefused, match="leaves out the last 4 lines; not applied"):
        edited(document, short, instruction="Say no. instead of number")
    assert edited(document, short, instruction="Delete what is after 5") == short


def test_tokens_that_are_the_users_text_stay() -> None:
    text = 'end = "<|endoftext|>"\nx = 1\ny = 2\n'
    document = Document("file:///w/a.py", text, language="python")
    for answer in (text.replace("1", "3"), text.replace("1", "3").replace("<|", "<\u00a6")):
        assert edited(document, f"```python\n{answer}```") == text.replace("1", "3")
        assert edited(document, f"{answer}<|endoftext|>", form="replace") == text.replace("1", "3")
        assert edited(document, f"{answer}<|im_end|>more", form="replace") == text.replace("1", "3")


LINES = st.sampled_from(
    [
        "```",
        "````",
        "~~~",
        "```sh",
        "````md",
        "~~~ py",
        "  ```",
        "    ```",
        "one line",
        "two lines",
        "",
        "- x",
        "x",
    ]
)
WRAPPERS = st.sampled_from(["```markdown", "```md", "~~~markdown", "````markdown", "`````md"])


@given(
    lines=st.lists(LINES, min_size=1, max_size=14), wrapper=WRAPPERS, after=st.sampled_from(["", "\nDone."])
)
def test_wrapping_a_text_never_shortens_it(lines: list[str], wrapper: str, after: str) -> None:
    old = "\n".join(lines)
    closing = wrapper.rstrip("markdown")
    try:
        new = extract_new_text(
            f"{wrapper}\n{old}\n{closing}{after}", TargetText(old, "markdown", "a.md", is_markup=True)
        )
    except EditRefused:
        return
    assert new == old


@given(lines=st.lists(LINES, min_size=1, max_size=14), wrapper=WRAPPERS)
def test_an_edit_of_a_wrapped_text_changes_nothing_or_is_refused(lines: list[str], wrapper: str) -> None:
    text = "\n".join(lines)
    document = Document("file:///a.md", text, language="markdown")
    with pytest.raises(EditRefused):
        edited(document, f"{wrapper}\n{text}\n{wrapper.rstrip('markdown')}")


@given(old=st.lists(LINES, max_size=8), said=st.lists(LINES, max_size=10), is_text=st.booleans())
def test_any_answer_is_read_or_refused(old: list[str], said: list[str], is_text: bool) -> None:
    answer, place = "\n".join(said), TargetText("\n".join(old), "markdown", "a.md", is_markup=is_text)
    try:
        assert extract_new_text(answer, place).strip("`\n") in answer
    except EditRefused:
        assert not has_closed_text(answer, place)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Add one.", "Add one."),
        ("```\nAdd one.\n```", "Add one."),
        (
            "```md\nAdd one.\n\n```py\nf(1)\n```\n\nThat is all.\n```",
            "Add one.\n\n```py\nf(1)\n```\n\nThat is all.",
        ),
        ("Add one.\n\n```py\nf(1)\n```\n\nThat is all.", "Add one.\n\n```py\nf(1)\n```\n\nThat is all."),
        ("Add one.\n```\nand then", "Add one."),
        ("Add one.```", "Add one."),
    ],
)
def test_documentation_keeps_its_examples(answer: str, text: str) -> None:
    assert remove_wrapping_fence(answer) == text


def test_a_growing_answer_ends_only_where_it_is_sure() -> None:
    place = target_in_document(Document("file:///a.js", CODE, language="javascript"), 0, len(CODE))
    assert find_code_end(f"```js\n{NEW}\n```\n", place) == len(f"```js\n{NEW}\n```")
    assert find_code_end(f"Before:\n```js\n{CODE}\n```\n", place) is None
    assert find_code_end(f"A draft:\n```js\n{NEW}\n```\n", place) is None
    assert find_code_end("```js\nlet a = 1;\n```\n", place) is None
    assert find_code_end("```markdown\n# A\n```\n", TargetText(README, "markdown", is_markup=True)) is None


def test_an_answer_that_was_cut_is_closed_only_with_all_its_fences() -> None:
    place = TargetText(README, "markdown", is_markup=True)
    assert has_closed_text(f"```markdown\n{README}```\nI did", place)
    assert not has_closed_text("```markdown\n# Demo\n\n```sh\npip install demo\n```\n", place)
    assert not has_closed_text(README, place)
