"""What a contributor reads and runs: the guide, the changelog, the gate and the hooks agree with the repository."""

import re
import subprocess
from itertools import takewhile

import yaml

from tests.sam.template import ROOT
from tools import strings

GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LINT = MAKEFILE.partition("\nlint:")[2].partition("\n\n")[0]


def tree_paths() -> list[str]:
    """Paths in the tree of the guide: names come first in a line, indented by two below their folder."""
    tree = GUIDE.partition("```\n")[2].partition("```")[0]
    folders: list[str] = []
    paths = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = list(takewhile(lambda word: "." in word or word.endswith("/"), line.split()))
        paths += ["".join([*folders[:depth], name]) for name in names]
        folders[depth:] = names[:1]
    return paths


def test_every_path_in_the_tree_exists() -> None:
    assert [path for path in tree_paths() if "<" not in path and not (ROOT / path).exists()] == []


def test_every_shared_package_and_function_is_in_the_tree() -> None:
    """Except the jobs: those come and go, and `make job` lists them."""
    packages = ROOT.glob("layers/common/slowmatch/**/__init__.py")
    apps = [path for path in ROOT.glob("functions/*/app.py") if not path.with_name("job.py").exists()]
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in (*packages, *apps)}
    assert folders - set(tree_paths()) == set()


def test_every_kind_of_test_is_in_the_guide() -> None:
    kinds = {path.relative_to(ROOT).parts[1] for path in ROOT.glob("tests/*/**/test_*.py")}
    assert [kind for kind in sorted(kinds) if f"`tests/{kind}" not in GUIDE] == []


def test_the_hooks_run_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        command = hook["entry"].removeprefix("env ").removesuffix(" --force-exclude")
        assert command in LINT


def test_continuous_integration_calls_the_gate_with_pinned_actions() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["check"]["steps"]
    assert steps[-1]["run"] == ".ci/run"
    assert [step["uses"] for step in steps if not re.search(r"@v\d+$", step.get("uses", "@v1"))] == []


def test_the_gate_refuses_arguments() -> None:
    ended = subprocess.run([ROOT / ".ci/run", "--short"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "takes no arguments" in ended.stderr


def test_the_changelog_has_known_kinds_of_changes_once_each() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = changelog.partition("\n## [Unreleased]\n")[2].partition("\n## ")[0]
    kinds = re.findall(r"^### (.+)$", unreleased, re.MULTILINE)
    known = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    assert kinds == [kind for kind in known if kind in kinds] != []


def test_the_index_of_decisions_is_complete() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"^- \[.+\]\((\d{4}-[\w-]+\.md)\)$", index, re.MULTILINE) == records
    assert len({name[:4] for name in records}) == len(records)


def test_the_list_of_texts_is_current() -> None:
    """Line numbers aside: a line that is added above a text changes nothing for a proofreader."""

    def without_numbers(page: str) -> str:
        return re.sub(r"^ *\d+ ", "", page, flags=re.MULTILINE)

    committed = strings.DOCUMENT.read_text(encoding="utf-8")
    assert without_numbers(committed) == without_numbers(strings.page()), "run `make strings`"
