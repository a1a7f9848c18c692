"""Every kind of kdump.conf that must be refused: tests/cli/bad-kdump-conf.table."""
import pathlib

TABLE = pathlib.Path(__file__).resolve().parents[1] / "cli/bad-kdump-conf.table"


def bad_kdump_confs(name):
    """(text, message) of each; `name` is what messages call the file."""
    body = "".join(line for line in TABLE.read_text().splitlines(keepends=True)[2:])
    cases = []
    for entry in body.split("\n===\n")[:-1]:
        text, _, answer = entry.partition("\n--- ")
        cases.append((text + "\n", answer.split("\n", 1)[1].replace("FILE", name)))
    assert len(cases) > 50, f"{TABLE} is not what it was"
    return cases
