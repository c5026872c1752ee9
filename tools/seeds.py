"""Re-executes a notebook under several seeds, unsaved, and prints each claim's spread.

Usage: `python -m tools.seeds NOTEBOOK [COUNT [FIRST]]`, COUNT = 5 seeds from FIRST = 0 on.
"""

import asyncio
import sys
from pathlib import Path

from pbdl_helpers.claims import shown
from tools import notebooks


async def measure(path, seed, turn, results) -> None:
    """Puts text → claim row of one run with PBDL_SEED=seed into ``results``, or why there is none."""
    async with turn:
        try:
            notebook = await notebooks.execute(path, PBDL_SEED=str(seed), PBDL_CLAIMS="record")
            results[seed] = {row["text"]: row for record in notebooks.claims(notebook) for row in record["claims"]}
        except Exception as error:
            results[seed] = error


async def measure_all(path, seeds, results) -> None:
    turn = asyncio.Semaphore(2)
    await asyncio.gather(*(measure(path, seed, turn, results) for seed in seeds))


def report(results: dict) -> tuple[list[str], bool]:
    """Returns the lines to print for seed → :func:`measure`, and whether every claim holds under every seed."""
    lines = [f"seed {seed} FAILED: {notebooks.explain(r)}" for seed, r in results.items() if isinstance(r, Exception)]
    runs = [result for result in results.values() if not isinstance(result, Exception)]
    good = not lines
    texts = dict.fromkeys(text for run in runs for text in run)
    if not texts:
        return [*lines, "No claim was measured."], False
    for text in texts:
        rows = [run[text] for run in runs if text in run]
        passed = sum(row["passed"] for row in rows)
        good = good and passed == len(results)
        values = " ".join("nan" if row["value"] is None else f"{row['value']:.4g}" for row in rows)
        lines.append(f"{passed}/{len(results)}  {text}\n      bound {shown(rows[0])[1]}; measured {values}")
    return lines, good


def main(arguments) -> int:
    try:
        name, count, first = [*arguments, *("5", "0")[len(arguments) - 1 :]]
        seeds = range(int(first), int(first) + int(count))
    except ValueError:
        print(__doc__, file=sys.stderr)
        return 2
    path = Path(name).resolve()
    if not path.is_file() or not seeds:
        print(f"No such notebook: {name}" if seeds else f"{count} seeds are none: take at least 1.", file=sys.stderr)
        return 2
    results = {}
    try:
        notebooks.run(measure_all(path, seeds, results))
    except KeyboardInterrupt:
        print(f"Interrupted: {len(results)} of {len(seeds)} seeds had ended.", file=sys.stderr)
        if results:
            print(*report(dict(sorted(results.items())))[0], sep="\n")
        return 130
    lines, good = report(dict(sorted(results.items())))
    print(*lines, sep="\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
