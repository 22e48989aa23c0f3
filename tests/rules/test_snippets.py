"""Code that developers copy: it is valid in its language, and nothing in it can end a string."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dialkey.directory.model import AuthMethod, ClientKind
from dialkey.portal.snippets import KEYS, Snippet, Target, env_file, offered

ODD = "https://app.example/cb?a='b&c=$(id)&d=%22"
SECRET = "dk_cs_" + "s" * 43


def target(kind: ClientKind, method: AuthMethod, *, pkce: bool = True, redirect: str = ODD, base: str = "") -> Target:
    base = base or "https://id.example"
    return Target(
        issuer=base,
        base_url=base,
        client_id="2b1f0f4e-7d2c-4a55-9a6e-000000000001",
        kind=kind,
        auth_method=method,
        redirect_uri="" if kind is ClientKind.MACHINE else redirect,
        scope="products.tenant:read" if kind is ClientKind.MACHINE else "openid phone offline_access",
        pkce=pkce,
    )


TARGETS = {
    "web-basic": target(ClientKind.WEB, AuthMethod.BASIC),
    "web-basic-plain": target(ClientKind.WEB, AuthMethod.BASIC, pkce=False),
    "web-post": target(ClientKind.WEB, AuthMethod.POST),
    "web-key": target(ClientKind.WEB, AuthMethod.PRIVATE_KEY_JWT),
    "native": target(ClientKind.NATIVE, AuthMethod.NONE, redirect="com.example.app:/cb"),
    "browser-local": target(ClientKind.BROWSER, AuthMethod.NONE, base="http://localhost:8080"),
    "web-local": target(ClientKind.WEB, AuthMethod.BASIC, base="http://localhost:8080"),
    "machine": target(ClientKind.MACHINE, AuthMethod.BASIC),
    "machine-post": target(ClientKind.MACHINE, AuthMethod.POST),
    "machine-key": target(ClientKind.MACHINE, AuthMethod.PRIVATE_KEY_JWT),
}
CASES = [pytest.param(snippet, id=f"{name}-{snippet.key}") for name, t in TARGETS.items() for snippet in offered(t)]


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


JAVA_PARSER = """
import javax.tools.*; import com.sun.source.util.JavacTask; import java.util.*;
public class Parse { public static void main(String[] names) throws Exception {
  JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
  DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
  StandardJavaFileManager files = compiler.getStandardFileManager(found, null, null);
  ((JavacTask) compiler.getTask(null, files, found, null, null, files.getJavaFileObjects(names))).parse();
  found.getDiagnostics().forEach(System.out::println);
  System.exit(found.getDiagnostics().isEmpty() ? 0 : 1); } }
"""


@pytest.mark.parametrize("snippet", [case for case in CASES if case.values[0].language not in ("Java", "Go")])
def test_the_code_is_valid(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / snippet.file).write_text(snippet.code)
    match snippet.language:
        case "Python":
            compile(snippet.code, snippet.file, "exec")
        case "curl":
            run("sh", "-n", snippet.file, cwd=tmp_path)
        case "JavaScript":
            if shutil.which("node") is None:
                pytest.skip("no node")
            run("node", "--check", snippet.file, cwd=tmp_path)


def test_the_java_is_valid(tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("no JDK")
    names = []
    for case in CASES:
        snippet = case.values[0]
        if snippet.language == "Java":
            folder = tmp_path / str(len(names))
            folder.mkdir()
            (folder / snippet.file).write_text(snippet.code)
            names.append(f"{len(names)}/{snippet.file}")
    (tmp_path / "Parse.java").write_text(JAVA_PARSER)
    run("java", "Parse.java", *names, cwd=tmp_path)


def test_the_go_is_valid_and_formatted(tmp_path: Path) -> None:
    gofmt = shutil.which("gofmt") or "/usr/local/go/bin/gofmt"
    if not Path(gofmt).exists():
        pytest.skip("no Go")
    for number, case in enumerate(CASES):
        if case.values[0].language == "Go":
            (tmp_path / f"{number}.go").write_text(case.values[0].code)
    done = subprocess.run([gofmt, "-d", "."], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("name", TARGETS)
def test_names_of_the_client_stand_in_the_code_and_no_secret(name: str) -> None:
    for snippet in offered(TARGETS[name]):
        assert TARGETS[name].client_id in snippet.code and "dk_cs_" not in snippet.code
        used = "DIALKEY_CLIENT_SECRET" in snippet.code
        assert used is TARGETS[name].secret, snippet.key


def test_the_shell_reads_the_address_as_text(tmp_path: Path) -> None:
    code = next(s.code for s in offered(TARGETS["web-basic"]) if s.key == "curl")
    script = 'curl() { for a in "$@"; do printf "%s\\n" "$a"; done; }\n' + code
    (tmp_path / "x.sh").write_text(script)
    done = subprocess.run(["sh", "x.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert f"redirect_uri={ODD}" in done.stdout.splitlines()


def test_a_client_that_signs_gets_code_that_signs() -> None:
    keys = [snippet.key for snippet in offered(TARGETS["web-key"])]
    assert keys == ["curl", "authlib", "javascript", "spring"]
    assert {snippet.key for snippet in offered(TARGETS["web-basic"])} == set(KEYS)


def test_the_env_file_is_read_back_by_a_shell(tmp_path: Path) -> None:
    text = env_file(client_id="c", client_secret=SECRET, issuer="https://id.example", redirect_uri=ODD)
    (tmp_path / ".env").write_text(text)
    command = 'set -a; . ./.env; set +a; printf "%s\\n" "$DIALKEY_CLIENT_SECRET" "$DIALKEY_REDIRECT_URI"'
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == [SECRET, ODD]
    assert "SECRET" not in env_file(client_id="c", client_secret=None, issuer="i", redirect_uri="")
