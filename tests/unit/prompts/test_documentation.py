"""Documentation in each language's own form, above the innermost definition, and nowhere as a guess."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import documentation
from spark_lsp.prompts.documentation_forms import DOCUMENTED
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

SAID = "Add two numbers."


def documented(language: str, text: str, answer: str = SAID) -> str:
    """Document the definition around the mark `|`, and return the text."""
    at = text.index("|")
    document = Document("file:///a", text.replace("|", "", 1), language=language)
    tree = SyntaxTree.of(document)
    span = documentation.find_documentation_target(document, tree, at)
    assert span is not None
    assert span[0] == document.line_start(document.line_at(span[0]))
    edits = documentation.documentation_edits(document, tree, span[0], answer)
    assert all(span[0] <= edit.start <= edit.end <= span[1] for edit in edits)
    return apply_edits(document.text, edits)


JAVA = """public class A {
    private int x = f(1);

    @Override
    public int add(int a, int b) {
        String s = "{";
        if (a > b) {
            return a + b;|
        }
        return b;
    }
}
"""
CASES = {
    "javascript arrow": (
        "javascript",
        "const add = (a, b) => {\n  return a + b;|\n};\n",
        "/**\n * Add two numbers.\n */\nconst add = (a, b) => {\n",
    ),
    "javascript expression": (
        "javascript",
        "export const add = (a, b) => a + b;|\n",
        "/**\n * Add two numbers.\n */\nexport const add =",
    ),
    "javascript exported": (
        "javascriptreact",
        "x();\nexport default function App() {\n  return <p>|</p>;\n}\n",
        "x();\n/**\n * Add two numbers.\n */\nexport default function",
    ),
    "object method": (
        "javascript",
        "const math = {\n  add(a, b) {\n    return a + b;|\n  },\n};\n",
        "const math = {\n  /**\n   * Add two numbers.\n   */\n  add(a, b) {",
    ),
    "function in an object": (
        "javascript",
        "module.exports = {\n  add: function (a, b) {\n    return a + b;|\n  },\n};\n",
        "{\n  /**\n   * Add two numbers.\n   */\n  add: function",
    ),
    "assigned function": (
        "javascript",
        "exports.add = function (a, b) {\n  return a + b;|\n};\n",
        "/**\n * Add two numbers.\n */\nexports.add",
    ),
    "class field": (
        "typescript",
        "class A {\n  private add = (a: number) => {\n    return a;|\n  };\n}\n",
        "class A {\n  /**\n   * Add two numbers.\n   */\n  private add",
    ),
    "decorated method": (
        "typescript",
        "class A {\n  @Input()\n  add(a: number) {\n    return a;|\n  }\n}\n",
        "class A {\n  /**\n   * Add two numbers.\n   */\n  @Input()\n  add",
    ),
    "interface method": (
        "typescript",
        "interface A {\n  add(a: number): number;|\n}\n",
        "interface A {\n  /**\n   * Add two numbers.\n   */\n  add",
    ),
    "component": (
        "typescriptreact",
        "export const App: FC = () => {\n  return <p>|</p>;\n};\n",
        "/**\n * Add two numbers.\n */\nexport const App",
    ),
    "java method": (
        "java",
        JAVA,
        "    /**\n     * Add two numbers.\n     */\n    @Override\n    public int add",
    ),
    "java constructor": (
        "java",
        "class A {\n    A(int x) {\n        this.x = x;|\n    }\n}\n",
        "class A {\n    /**\n     * Add two numbers.\n     */\n    A(int x)",
    ),
    "java interface": (
        "java",
        "interface A {\n    int f();\n\n    Map<String, List<B>> add(int a);|\n}\n",
        "\n    /**\n     * Add two numbers.\n     */\n    Map<String",
    ),
    "java annotation under the cursor": (
        "java",
        "class A {\n    @Over|ride\n    int add() {\n        return 1;\n    }\n}\n",
        "class A {\n    /**\n     * Add two numbers.\n     */\n    @Override\n",
    ),
    "kotlin": (
        "kotlin",
        "class A {\n    override suspend fun add(a: Int): Int {\n        return a|\n    }\n}\n",
        "class A {\n    /**\n     * Add two numbers.\n     */\n    override suspend fun add",
    ),
    "kotlin expression": (
        "kotlin",
        "fun sub() = 1\nfun add(a: Int) = a +| 1\n",
        "fun sub() = 1\n/**\n * Add two numbers.\n */\nfun add",
    ),
    "scala": (
        "scala",
        "object A {\n  def add(a: Int): Int =\n    a + 1|\n  def other = 2\n}\n",
        "object A {\n  /**\n   * Add two numbers.\n   */\n  def add",
    ),
    "c": (
        "c",
        "#include <a.h>\n\nstatic char *add(int a,\n  int b)\n{\n  while (a) {\n    b(a);|\n  }\n}\n",
        "\n/**\n * Add two numbers.\n */\nstatic char *add",
    ),
    "c++ template": (
        "cpp",
        "template <typename T>\nT A::add(T a) const {\n  return a;|\n}\n",
        "/**\n * Add two numbers.\n */\ntemplate <typename T>\n",
    ),
    "php": (
        "php",
        "<?php\nclass A {\n    public static function add($a) {\n        return $a;|\n    }\n}\n",
        "class A {\n    /**\n     * Add two numbers.\n     */\n    public static",
    ),
    "dart": (
        "dart",
        "class A {\n  int add(int a) => a;|\n}\n",
        "class A {\n  /// Add two numbers.\n  int add",
    ),
    "swift": (
        "swift",
        "class A {\n    @objc public func add(a: Int) -> Int {\n        return a|\n    }\n}\n",
        "class A {\n    /// Add two numbers.\n    @objc public func",
    ),
    "swift init": (
        "swift",
        "struct A {\n    init(a: Int) {\n        self.a = a|\n    }\n}\n",
        "struct A {\n    /// Add two numbers.\n    init",
    ),
    "rust": (
        "rust",
        "impl A {\n    #[inline]\n    pub(crate) fn add(a: &'static str) -> u8 {\n        b'{'|\n    }\n}\n",
        "impl A {\n    /// Add two numbers.\n    #[inline]\n",
    ),
    "go": (
        "go",
        "func (s *Store) Add(a int) int {\n\treturn a|\n}\n",
        "// Add two numbers.\nfunc (s *Store)",
    ),
    "go with another name": (
        "go",
        "func Sum(a int) int {\n\treturn a|\n}\n",
        "// Sum adds two numbers.\nfunc Sum",
    ),
    "c#": (
        "csharp",
        "class A\n{\n    [Obsolete]\n    async Task<int> Add(int a)\n    {\n        return a;|\n    }\n}\n",
        "{\n    /// <summary>\n    /// Add two numbers.\n    /// </summary>\n    [Obsolete]\n",
    ),
    "cs": ("cs", "int Add(int a) => a;|\n", "/// <summary>\n/// Add two numbers.\n/// </summary>\nint"),
    "ruby": (
        "ruby",
        "class A\n  def add(a)\n    a|\n  end\nend\n",
        "class A\n  # Add two numbers.\n  def add",
    ),
    "lua": (
        "lua",
        "local M = {}\nM.add = function(a)\n  return a|\nend\n",
        "{}\n--- Add two numbers.\nM.add",
    ),
    "haskell": (
        "haskell",
        "f :: Int\nf = 1\n\nadd :: Int -> Int -> Int\nadd a 0 = a\nadd a b = a + b|\n",
        "\n-- | Add two numbers.\nadd ::",
    ),
    "ocaml": (
        "ocaml",
        "let x = 1\n\nlet rec add a b =\n  a + b|\n",
        "\n(** Add two numbers. *)\nlet rec add",
    ),
    "elixir": (
        "elixir",
        "defmodule A do\n  def add(a, b) do\n    a + b|\n  end\nend\n",
        'do\n  @doc """\n  Add two numbers.\n  """\n  def add',
    ),
    "elixir private": (
        "elixir",
        "defmodule A do\n  defp add(a) do\n    a|\n  end\nend\n",
        "do\n  # Add two numbers.\n  defp add",
    ),
    "elixir module": (
        "elixir",
        "defmodule A do|\n  use B\nend\n",
        'do\n  @moduledoc """\n  Add two numbers.\n  """\n  use B',
    ),
    "shell": ("shellscript", "add() {\n  echo $(( $1 + $2 ))|\n}\n", "# Add two numbers.\nadd() {"),
    "r": ("r", "add <- function(a, b) {\n  a + b|\n}\n", "#' Add two numbers.\nadd <-"),
    "julia": ("julia", "function add(a, b)\n    a + b|\nend\n", '"""\nAdd two numbers.\n"""\nfunction add'),
    "perl": ("perl", "sub add {\n    return 1;|\n}\n", "# Add two numbers.\nsub add"),
    "zig": ("zig", "pub fn add(a: i32) i32 {\n    return a;|\n}\n", "/// Add two numbers.\npub fn"),
    "f#": ("fsharp", "let add a b =\n    a + b|\n", "/// Add two numbers.\nlet add"),
    "sql": ("sql", "CREATE FUNCTION add(a int)\n  RETURNS int|\n", "-- Add two numbers.\nCREATE"),
    "powershell": (
        "powershell",
        "function Add {\n  1|\n}\n",
        "<#\n.SYNOPSIS\nAdd two numbers.\n#>\nfunction",
    ),
    "proto": ("proto", "message Add {\n  int32 a = 1;|\n}\n", "// Add two numbers.\nmessage"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_own_form_of_a_language(name: str) -> None:
    language, text, part = CASES[name]
    new = documented(language, text)
    assert part in new
    added = [line for line in new.splitlines() if line not in text.replace("|", "", 1).splitlines()]
    rest = [line for line in new.splitlines() if line not in added]
    old = text.replace("|", "", 1).splitlines()
    assert [line for line in old if line in rest] == old


def test_documentation_of_several_lines() -> None:
    said = "Add two numbers.\n\nReturns their sum & <T>, or `*)`; */"
    assert "(** Add two numbers.\n\n    Returns their sum & <T>, or `* )`; * / *)\n" in documented(
        "ocaml", "let add a = a|\n", said
    )
    assert "-- | Add two numbers.\n--\n-- Returns" in documented("haskell", "add :: Int\nadd = 1|\n", said)
    assert "/// Returns their sum &amp; &lt;T&gt;" in documented("csharp", "int Add() { return 1;| }\n", said)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "    # first\n    # second\n    return 1|\n",
            '    """{}"""\n    # first\n    # second\n    return 1\n',
        ),
        ("    # type: () -> int\n    return 1|\n", '    # type: () -> int\n    """{}"""\n    return 1\n'),
    ],
)
def test_a_docstring_is_above_the_comments_of_the_body(body: str, expected: str) -> None:
    assert documented("python", f"def f():\n{body}") == f"def f():\n{expected.format(SAID)}"


def test_line_ends_stay_the_documents() -> None:
    new = documented("java", "class A {\r\n    int add() {\r\n        return 1;|\r\n    }\r\n}\r\n")
    assert new.startswith("class A {\r\n    /**\r\n     * Add two numbers.\r\n     */\r\n    int add")


@pytest.mark.parametrize(
    "language", ["vue", "svelte", "markdown", "yaml", "brainfuck", "clojure", "dockerfile", "plaintext", ""]
)
def test_a_language_without_a_known_form_is_refused(language: str) -> None:
    text = "function add(a) {\n  return a\n}\n"
    document = Document("file:///a", text, language=language)
    tree = SyntaxTree.of(document)
    assert "not known" in documentation.documentation_obstacle(document, tree, 3)
    with pytest.raises(EditRefused, match="not known"):
        documentation.documentation_edits(document, tree, 0, SAID)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "/** Adds. */\nfunction add() {\n  |\n}\n"),
        ("java", "class A {\n  /**\n   * Adds.\n   */\n  @Override\n  int add() {\n    |\n  }\n}\n"),
        ("rust", "/// Adds.\n#[test]\nfn add() {\n  |\n}\n"),
        ("go", "// Add adds.\nfunc Add() {\n|\n}\n"),
        ("elixir", 'defmodule A do\n  @doc """\n  Adds.\n  """\n  def add do\n    |\n  end\nend\n'),
        ("python", 'def add():\n    """Adds."""\n    return 1|\n'),
        ("shellscript", "# Adds.\nadd() {\n  |\n}\n"),
    ],
)
def test_documentation_that_is_there_stays(language: str, text: str) -> None:
    at = text.index("|")
    document = Document("file:///a", text.replace("|", "", 1), language=language)
    tree = SyntaxTree.of(document)
    assert "already" in documentation.documentation_obstacle(document, tree, at)
    with pytest.raises(EditRefused, match="already"):
        documented(language, text)


def test_another_block_comment_above_is_no_documentation() -> None:
    text = "/* eslint-disable */\nfunction add() {\n  |\n}\n"
    assert "disable */\n/**\n" in documented("javascript", text)
    assert "#!/bin/sh\n# Add two" in documented("shellscript", "#!/bin/sh\nadd() {\n  |\n}\n")


@given(
    language=st.sampled_from(sorted(DOCUMENTED)),
    answer=st.text(max_size=80),
    eol=st.sampled_from(["\n", "\r\n"]),
)
def test_any_answer_adds_complete_lines_only(language: str, answer: str, eol: str) -> None:
    _, text, _ = next(
        (case for case in CASES.values() if case[0] == language), ("", "function f() {|\n}\n", "")
    )
    text = text.replace("|", "", 1).replace("\n", eol)
    document = Document("file:///a", text, language=language)
    tree = SyntaxTree.of(document)
    try:
        edits = documentation.documentation_edits(document, tree, 0, answer)
    except EditRefused:
        return
    new = apply_edits(text, edits)
    assert set(textwrap.dedent(text).split()) <= set(new.split())
    (edit,) = edits
    assert edit.start == edit.end
    assert language == "python" or edit.new.endswith(eol)
