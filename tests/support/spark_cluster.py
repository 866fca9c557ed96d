"""A Spark standalone cluster of one worker, as processes of this machine on the loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.find_spark_home import _find_spark_home

from support.ports import free_ports
from support.processes import end

START_SECONDS = 60


@contextmanager
def running_cluster(cores: int = 2, memory: str = "1g") -> Iterator[str]:
    """Start a master and a worker, give the master's URL, and end both with the block."""
    folder = Path(tempfile.mkdtemp(prefix="iomete-cluster-"))
    port, master_page, worker_page = free_ports(3)
    url = f"spark://127.0.0.1:{port}"
    master = _start(folder, "master.Master", "--port", port, "--webui-port", master_page)
    worker = None
    try:
        _wait_for(folder / "master.Master.log", r"I have been elected leader", master)
        worker = _start(
            folder,
            "worker.Worker",
            *("--cores", cores, "--memory", memory, "--webui-port", worker_page),
            *("--work-dir", folder / "work", url),
        )
        _wait_for(folder / "worker.Worker.log", r"Successfully registered with master", worker)
        yield url
    finally:
        for process in (worker, master):
            if process is not None:
                end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, name: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [str(Path(_find_spark_home()) / "bin" / "spark-class")]
    command += [f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *map(str, arguments)]
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": "512m",
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)


def _wait_for(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if re.search(pattern, log.read_text("utf-8", "replace")):
            return
        time.sleep(0.1)
    raise RuntimeError(f"Spark's {log.stem} did not start: {log.read_text('utf-8')[-2000:]}")
