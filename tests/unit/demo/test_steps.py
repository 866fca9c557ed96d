import importlib
import pkgutil
from pathlib import Path

import pytest

from iomete.demo import Step, run_demo, sources, steps
from iomete.demo.run import shown_path
from iomete.errors import MissingExtraError


def test_every_step_module_is_in_the_registry() -> None:
    modules = [module.name for module in pkgutil.iter_modules(steps.__path__)]
    found = {importlib.import_module(f"{steps.__name__}.{name}").STEP.title for name in modules}
    assert found == {step.title for step in steps.STEPS}


def test_titles_are_unique_and_loading_comes_first() -> None:
    titles = [step.title for step in steps.STEPS]
    assert len(set(titles)) == len(titles)
    assert "Iceberg" in titles[0]
    assert all(isinstance(step, Step) for step in steps.STEPS)


@pytest.mark.parametrize("package", [sources.PACKAGE, "faker"])
def test_missing_package_is_told_before_spark_starts(
    package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'iomete\[demo\]'"):
        run_demo(tmp_path / "lakehouse")
    assert not (tmp_path / "lakehouse").exists()


def test_path_is_shown_relative_only_below_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert shown_path(tmp_path / "here" / "lakehouse") == "lakehouse"
    assert shown_path(tmp_path / "lakehouse") == str(tmp_path / "lakehouse")
