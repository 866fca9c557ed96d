"""Every notebook runs from start to end in a folder of its own, and shows what it promises."""

import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 300

SHOWN = {
    "01_first_lakehouse": {
        "connect": ["<Lakehouse ", "/lakehouse as "],
        "create": ["lake.sales.orders"],
        "append": ["6"],
        "parameters": ["EU       2  141.90", "US       2   95.50"],
        "delete": ["now       3", "before       6"],
        "rollback": ["6"],
        "delta": ["Asia  300.25", "Europe  261.90", "United States   95.50"],
        "pyiceberg": ["120.00", "42.00", "99.90"],
        "reopen": ["'lake.sales.orders': 6", "'spark_catalog.sales.regions': 3"],
    },
    "02_governance": {
        "connect": ["True"],
        "create": ["['alice', 'bob']"],
        "nothing": ["('TABLE_OR_VIEW_NOT_FOUND', [])"],
        "grant": ["name             email region        born\n", "Bo    bo@example.com"],
        "mask": ["0   1   Ada   xxx@xxxxxxx.xxx     EU  1990-01-01\n1   3  Cleo"],
        "bob": ["0   2   Bo  xx@xxxxxxx.xxx     US  1985-03-02"],
        "where": ["0      0"],
        "tag": ["0   1   A**   xxx@xxxxxxx.xxx", "1   3  C***  xxxx@xxxxxxx.xxx"],
        "change": ["('IOMETE_POLICIES_CHANGED', [None, None])"],
        "audit": ["alice   denied", "bob  allowed", "email MASK, born MASK_DATE_SHOW_YEAR"],
        "readers": ["['alice', 'bob']"],
    },
    "07_policies": {
        "connect": ["'mask data of tag PII.PAY to group:analysts'"],
        "explain": ["(True, 'MASK_NULL', \"region = 'EU'\", 'PII.PAY')"],
        "event": ["('allowed', True, (100,))"],
        "who": ["'alice', 'bob'"],
        "what": ["{'amount': 'MASK_NULL', '*': None}", "\"region = 'EU'\""],
        "files": ["('create', 'teams for analysts')", "('alice, bob', 'gains', 'select on"],
        "tests": ["(['failed', 'passed', 'passed'], ['passed', 'passed', 'passed'])"],
        "apply": ["(False, ['Data'])"],
        "findings": ["('orphaned principal', 'user:carol')"],
    },
}
"""What the output of a cell holds, by notebook and cell id."""


class ThisInterpreter(AsyncKernelManager):
    """Runs kernels with the Python that runs the tests, whatever is installed for the user."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )


def run(path: Path, folder: Path) -> NotebookNode:
    """Return the notebook with its outputs; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,
        timeout=CELL_SECONDS,
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute()


def shown(cell: NotebookNode) -> str:
    """Return the plain text of a cell's results."""
    return "\n".join(
        output["data"].get("text/plain", "")
        for output in cell.outputs
        if output.output_type in {"execute_result", "display_data"}
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_shows_what_it_promises(path: Path, tmp_path: Path) -> None:
    notebook = run(path, tmp_path)
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    for cell_id, parts in SHOWN[path.stem].items():
        output = shown(cells[cell_id])
        assert [part for part in parts if part not in output] == [], f"{cell_id}:\n{output}"
    printed = [o for cell in cells.values() for o in cell.outputs if o.output_type == "stream"]
    assert printed == []  # no warnings either


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
