"""Re-executes a notebook under several seeds, unsaved, and prints each claim's spread: `seeds.py NOTEBOOK [N]`."""

import sys
from concurrent.futures import ThreadPoolExecutor

import notebooks


def measure(path, seed) -> dict:
    """Returns text → claim row of one run with PBDL_SEED=seed."""
    notebook = notebooks.execute(path, PBDL_SEED=str(seed), PBDL_CLAIMS="record")
    return {row["text"]: row for record in notebooks.claims(notebook) for row in record["claims"]}


def main(path, count=5) -> int:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(measure, [path] * count, range(count)))
    failures = 0
    for text in runs[0]:
        rows = [run[text] for run in runs]
        passed = sum(row["passed"] for row in rows)
        failures += passed < count
        values = " ".join(f"{row['value']:.4g}" for row in rows)
        print(f"{passed}/{count}  {text}\n      bound {rows[0]['bound']}; measured {values}")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
