"""Run the whole gate, `--strict`, on each honest set-up several times, while other processes keep
the machine busy: `python tests/conformance/honest_runs.py --times 10`. None may be accused."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import honest
from backend_process import CONFIG, serving_backend
from gates import Gate, gate, prepare
from mock_process import serving_mock
from mutating_proxy import Proxy, serving

BUSY = "while True: sum(n * n for n in range(10_000))"
# Here a run has to be pending for longer than it cannot be read.
SLOW, SLOW_SPEED = ("readable-later",), 2
# A busy machine takes its time.
WORDS = ("--strict", "--budget", "30m")
# Not a pass, and no finding of the kit's about itself either.
ACCUSED = ("violation", "deviation", "error", "inconclusive")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Let as many processes compute for as long as the block lasts."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def serving_set_up(name: str) -> Iterator[tuple[str, list[str]]]:
    """Serve a set-up of its own for one gate; its address and options of the kit."""
    with ExitStack() as stack:
        if name == "mock":
            yield stack.enter_context(serving_mock()), ["--token", "test-honest"]
            return
        speed = SLOW_SPEED if name in SLOW else 20
        address = stack.enter_context(serving_backend(speed=speed))
        if name != "backend":
            proxy = stack.enter_context(serving(Proxy(address, honest.variant.all)))
            address = f"{proxy}/{name}"
        yield address, ["--config", str(CONFIG)]


def rows(names: Sequence[str], times: int, words: Sequence[str]) -> Iterator[tuple[str, int, Gate]]:
    """Run the gates, each set-up once before any is run again."""
    with tempfile.TemporaryDirectory() as home:
        for number in range(1, times + 1):
            for name in names:
                with serving_set_up(name) as (address, options):
                    yield name, number, gate(address, Path(home), [*options, *words])


def main() -> None:
    """Print a line for each gate, and exit with 1 if one of them accuses its set-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", help="only set-ups that match")
    parser.add_argument("--times", type=int, default=10, help="gates of each (%(default)s)")
    parser.add_argument("--load", type=int, default=2, help="busy processes (%(default)s)")
    parser.add_argument("words", nargs="*", help="options of the kit, after --")
    options = parser.parse_args()
    names = ["backend", "mock", *(variant.name for variant in honest.variant.all)]
    chosen = [name for name in names if fnmatchcase(name, options.only)]
    accused = 0
    prepare()
    with busy(options.load):
        for name, number, found in rows(chosen, options.times, [*WORDS, *options.words]):
            against = found.with_verdicts(*ACCUSED)
            accused += found.exit_code != 0 or bool(against)
            print(
                f"{name:24} {number:2}  exit {found.exit_code}  {found.seconds:6.1f} s"
                f"  {found.requests:5} requests  {', '.join(against) or '-'}",
                flush=True,
            )
            for name_, message in against.items():
                print(f"{'':28} {name_}: {message.splitlines()[0][:300]}", flush=True)
    sys.exit(accused > 0)


if __name__ == "__main__":
    main()
