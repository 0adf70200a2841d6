"""The tables in docs/performance.md and README.md, from docs/performance.json."""

import subprocess
from collections.abc import Sequence

from benchmarks.harness import record, table
from benchmarks.harness.record import Record, Taken
from local import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
PAINTER = ROOT / ".venv-bench" / "bin" / "python"


def publish(taken: Record) -> None:
    """Write the JSON, the tables and the charts; subjects that were not taken stay as they were."""
    whole = taken.merged(record.load()) if record.FILE.exists() else taken
    record.save(whole)
    whole = record.load()
    for file in (DOCUMENT, README):
        file.write_text(with_tables(file.read_text(encoding="utf-8"), whole), encoding="utf-8")
    subprocess.run([PAINTER, "-m", "benchmarks.harness.charts"], cwd=ROOT, check=True)
    print("written to docs/performance.json, docs/performance.md, README.md and docs/charts")


def with_tables(text: str, whole: Record) -> str:
    """The text with every table between its markers as the record has it."""
    for name, content in tables(whole).items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}{content}\n{end}{rest.partition(end)[2]}"
    return text


def tables(whole: Record) -> dict[str, str]:
    """By the name of the marker: `bench` is all in short, `bench handlers` is that subject with its spread."""
    subjects = dict.fromkeys(each.subject for each in whole.taken)
    found = {
        "bench": table.markdown(table.in_short(whole.taken)),
        "bench machine": machine(whole),
    }
    for subject in subjects:
        mine = [each for each in whole.taken if each.subject == subject]
        chart = f"![The same as a chart](charts/{subject}.svg)"
        parts = [table.markdown(table.rows(mine)), notes(mine), chart]
        found[f"bench {subject}"] = "\n\n".join(part for part in parts if part)
    return found


def notes(taken: Sequence[Taken]) -> str:
    """A line each, with the measures that it is about."""
    about: dict[str, list[str]] = {}
    for each in taken:
        if each.measure.note:
            about.setdefault(each.measure.note, []).append(each.measure.title)
    return "\n".join(f"- {'; '.join(titles)}: {note}" for note, titles in about.items())


def machine(whole: Record) -> str:
    about = whole.machine
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{about['cores']} cores ({about['processor']}), {about['memory_gb']} GB of memory,"
        f" {about['system']}, Python {about['python']}, PostgreSQL {about['postgresql']};\n{versions}."
    )
