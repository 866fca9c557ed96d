"""Start-up: `import iomete`, and connect() to the first row beside a bare PySpark session.

The bare session gets the same jars, JVM options (class archive included) and Iceberg and Delta
configuration; it has neither our extension, nor a metadata store, nor a bound principal. The two
take turns, because the machine is noisy; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

IMPORT = """
import time
start = time.perf_counter()
import iomete
print(time.perf_counter() - start)
"""

CONNECT = """
import json, sys, time
start = time.perf_counter()
import iomete
lake = iomete.connect(sys.argv[1], engine=json.loads(sys.argv[2]))
row = lake.sql("SELECT 1").collect()
print(time.perf_counter() - start)
"""

BARE = """
import json, sys, time
start = time.perf_counter()
from pyspark.sql import SparkSession
builder = SparkSession.builder
for key, value in json.load(open(sys.argv[1])).items():
    builder = builder.config(key, value)
row = builder.getOrCreate().sql("SELECT 1").collect()
print(time.perf_counter() - start)
"""


def seconds(source: str, *arguments: object) -> float:
    done = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def bare_configuration(folder: Path) -> Path:
    """Write what connect() starts Spark with, less what is ours."""
    from pyspark.find_spark_home import _find_spark_home

    from iomete.engine.class_archive import QUIET, class_archive
    from iomete.engine.java import find_java
    from iomete.engine.lifecycle import LOG_CONFIGURATION
    from iomete.engine.preparation import cache_folder
    from iomete.folder import LakehouseFolder
    from iomete.opening import spark_configuration
    from iomete.settings import load_settings

    where = LakehouseFolder.at(folder)
    loaded = load_settings(where.root)
    configuration = spark_configuration(where, loaded)
    archive = class_archive(
        find_java(),
        configuration.jars,
        spark_home=Path(_find_spark_home()),
        cache=cache_folder(loaded.settings.engine),
    )
    assert archive.path.is_file(), "run `iomete prepare` first"
    options = [f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}"]
    options += [f"-XX:SharedArchiveFile={archive.path}", *QUIET]
    values = configuration.merged()
    extensions = values["spark.sql.extensions"].split(",")
    values["spark.sql.extensions"] = ",".join(e for e in extensions if "iomete" not in e)
    del values["spark.plugins"]
    values["spark.driver.extraJavaOptions"] = " ".join(options)
    file = folder / "bare.json"
    file.write_text(json.dumps(values))
    return file


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="iomete-bench-") as temporary:
        folder = Path(temporary) / "lakehouse"
        subprocess.run(
            [str(Path(sys.executable).with_name("iomete")), "prepare", "-l", str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds(CONNECT, folder, "{}")  # makes the lakehouse, warms the disk
        bare = bare_configuration(folder)
        found: dict[str, list[float]] = {"bare": [], "connect": [], "plain": []}
        for _ in range(rounds):
            found["bare"].append(seconds(BARE, bare))
            found["connect"].append(seconds(CONNECT, folder, "{}"))
            found["plain"].append(seconds(CONNECT, folder, '{"class_archive": false}'))
        imports = [seconds(IMPORT) for _ in range(15)]
    middle = {name: statistics.median(times) for name, times in found.items()}
    print(f"import iomete                          {statistics.median(imports):6.3f} s   (<= 0.15)")
    print(f"bare PySpark to the first row          {middle['bare']:6.2f} s")
    print(
        f"connect() to the first row             {middle['connect']:6.2f} s   "
        f"{middle['connect'] / middle['bare']:.2f}x of bare (<= 1.15)"
    )
    print(
        f"connect() without the class archive    {middle['plain']:6.2f} s   "
        f"the archive gains {middle['plain'] / middle['connect']:.2f}x"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
