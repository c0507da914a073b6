"""Temporary files of tools for secrets, notebook cells and other URIs are judged by the paths they carry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import private_home
from tests.e2e.recording import Person, person

EXCLUDE = ["/w/private/", "*.sql"]
SECRET, EXCLUDED, NO_FILE = "hold secrets", "context.exclude", "this is no file"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    (place / "w" / ".git").mkdir(parents=True)
    (place / "w" / ".gitignore").write_text("ignored/\n")
    (place / "w" / ".spark.toml").write_text('exclude = ["./mine/*.{csv,txt}"]\n')
    return place


@pytest.fixture(scope="module")
def editor(place: Path) -> Iterator[Person]:
    with private_home(place) as home:
        options = {"spark": {"context": {"exclude": EXCLUDE}}}
        with person(home, place, initializationOptions=options) as made:
            yield made


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/dev/shm/pass.oYkFRk1mNP/oYkFRk-mail.txt",
            "/tmp/pass.oYkFRk1mNP/x.txt",
            "/dev/shm/gopass-edit12/s",
        ),
        *(
            "/tmp/gopass123/secret",
            "/dev/shm/loose.txt",
            "/tmp/kubectl-edit-2143.yaml",
            "/tmp/oc-edit-x.yaml",
        ),
        *("/tmp/1234567890/values.yaml", "/var/folders/ab/c_d/T/987654321/conf.json", "/tmp/sops55/a.yaml"),
        *(
            "/root/.ansible/tmp/ansible-local-77abc/tmp1.yml",
            "/tmp/ansible-local-1/tmpx",
            "/var/tmp/hostsX1.conf",
        ),
        *("/tmp/tmp.aB3dE6gH9j/token", "/tmp/crontab.Qx1/crontab", "/tmp/chezmoi-edit12/private"),
        "/w/k.age",
        *(
            "/w/secrets.yaml.dec",
            "/w/.decrypted~secrets.yaml",
            "/w/notes.gpg",
            "/run/secrets/db",
            "/w/.pgpass",
        ),
        *("/w/id_ed25519", "/w/a.kdbx", "/h/.aws/credentials", "/h/.kube/config", "/h/.docker/config.json"),
        *("/w/terraform.tfstate", "/w/prod.tfvars", "/w/.npmrc", "/w/.pypirc", "/w/a.p12", "/w/a.jks"),
        *("/w/secrets.toml", "/w/credentials.json", "/w/.env.local", "/w/.netrc"),
        "/w/client_secret_1.json",
    ],
)
def test_files_of_secrets(editor: Person, path: str) -> None:
    editor.stays(f"file://{path}", SECRET)


@pytest.mark.parametrize(
    "path",
    [
        *("/w/tokens.py", "/w/secrets.py", "/w/password_reset.ts", "/w/.env.example", "/w/id_rsa.pub"),
        *(
            "/w/credentials.ts",
            "/w/passage.go",
            "/w/vault.rs",
            "/tmp/a.py",
            "/tmp/vault-ui/src/a.ts",
            "/w/pass.py",
        ),
        *("/tmp/tmp.aB3dE6gH9j/main.py", "/w/secrets.yaml.example", "/w/environment.py", "/w/gopass.md"),
        *(
            "/w/.env/lib/site.py",
            "/w/credentials/model.py",
            "/w/kubectl-edit.md",
            "/tmp/123/a.yaml",
            "/w/ages.csv",
        ),
    ],
)
def test_ordinary_files_that_look_a_little_like_it(editor: Person, path: str) -> None:
    editor.goes(f"file://{path}")


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "vscode-notebook-cell:/w/private/a.ipynb#W0sZmlsZQ%3D%3D",
            "vscode-notebook-cell://h/w/private/a.ipynb#x",
        ),
        "vscode-interactive-input:/w/private/a.ipynb",
        "git:/w/private/a.py?%7B%22ref%22%3A%22HEAD%22%7D",
        *(
            "git:/x.git?%7B%22path%22%3A%22%2Fw%2Fprivate%2Fa.py%22%2C%22ref%22%3A%22%22%7D",
            "untitled:/w/a.sql",
        ),
        *("gitlens://7b22/w/private/a.py?%7B%7D", "vscode-remote://ssh-remote%2Bh/w/private/a.py"),
        *(
            "vscode-vfs://github/o/r/list.sql",
            "zipfile:///w/private/a.zip::src/a.py",
            "zipfile:///w/a.zip::a.sql",
        ),
        *("jar:file:///w/private/a.jar!/b/C.java", "fugitive:///w/.git//0/private/a.py"),
        "oil:///w/private/",
        *(
            "fugitive:///w/.git/worktrees/t//1f2e/private/a.py",
            "file:///w/x/../private/a.py",
            "file:///w/%61.sql",
        ),
        *("file://server/share/list.sql", "file:///c%3A/data/list.sql", "file://localhost/w/private/a.py"),
    ],
)
def test_other_schemes_by_the_path_they_carry(editor: Person, uri: str) -> None:
    editor.stays(uri, EXCLUDED)


@pytest.mark.parametrize(
    "uri", ["term://~//12:/bin/sh", "output:tasks", "vscode-scm:git/scm0/input", "made-up:x"]
)
def test_what_carries_no_path_stays(editor: Person, uri: str) -> None:
    editor.stays(uri, NO_FILE)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "untitled:Untitled-1",
            "vscode-notebook-cell:/w/open/a.ipynb#W0",
            "git:/w/a.py",
            "fugitive:///w/.git//0/a.py",
        ),
        *(
            "vscode-remote://h/w/a.py",
            "jdt://contents/rt.jar/java.util/List.class",
            "file://server/share/a.py",
        ),
    ],
)
def test_other_schemes_may_have_suggestions(editor: Person, uri: str) -> None:
    editor.goes(uri)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("vscode-notebook-cell:{w}/ignored/a.ipynb#W1", "git ignores"),
        ("fugitive://{w}/.git//0/ignored/a.py", "git ignores"),
        ("git:{w}/ignored/a.py?%7B%7D", "git ignores"),
        ("vscode-notebook-cell:{w}/mine/list.csv#W1", ".spark.toml"),
        ("file://{w}/mine/list.txt", ".spark.toml"),
    ],
)
def test_other_schemes_by_what_the_disk_says(editor: Person, place: Path, uri: str, why: str) -> None:
    editor.stays(uri.format(w=place / "w"), why)
    editor.goes(f"file://{place}/w/mine/list.py")


def test_a_link_into_an_excluded_folder(editor: Person, place: Path) -> None:
    (place / "plain.py").symlink_to(place / "data.sql")
    editor.stays((place / "plain.py").as_uri(), EXCLUDED)
