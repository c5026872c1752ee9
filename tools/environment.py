"""Makes the virtual environment ready: `python3 tools/environment.py .venv`.

An environment that is up to date is left alone; one that was moved, belongs to another checkout, is broken or has an
old Python is made again. Written so that any Python 3 can read it and say which one is needed.
"""

import hashlib
import os
import shutil
import subprocess
import sys

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PINS = ("requirements.txt", "requirements.lock", "pyproject.toml")


def python_of(folder):
    """Returns the path of an environment's Python."""
    return os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def version_problem(version, executable):
    """Returns what is wrong with a Python, or an empty string."""
    if tuple(version[:2]) >= NEEDED:
        return ""
    return (
        "The book needs Python {}.{} or newer; {} is {}.{}. Install a newer one and name it, for instance: "
        "make PYTHON=python3.12 book".format(*(NEEDED + (executable,) + tuple(version[:2])))
    )


def usable(folder):
    """Tells whether an environment's own Python starts there, is new enough and has pip."""
    code = "import sys, pip; print(sys.version_info >= {}, sys.prefix, sep='\\n')".format(NEEDED)
    try:
        answer = subprocess.check_output([python_of(folder), "-c", code], encoding="utf-8", stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return False
    new_enough, prefix = answer.splitlines()[:2]
    return new_enough == "True" and os.path.realpath(prefix) == os.path.realpath(folder)


def wanted(folder):
    """Returns what the stamp of a finished environment says: where it is, and a hash of the pinned versions."""
    digest = hashlib.sha256()
    for name in PINS:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return "{}\n{}\n{}\n".format(os.path.realpath(folder), ROOT, digest.hexdigest())


def read(path):
    """Returns a file's text, or None if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def remove(folder):
    """Deletes an environment that cannot be used; anything else of that name stays."""
    if not os.path.isfile(os.path.join(folder, "pyvenv.cfg")):
        sys.exit("{} is no virtual environment: move it away.".format(folder))
    print("{} was moved, is broken or has an old Python: it is made again.".format(folder))
    shutil.rmtree(folder)


def install(folder):
    """Makes the environment if there is none and installs the pinned packages and the helpers."""
    pip = [python_of(folder), "-m", "pip", "install", "-q"]
    commands = [] if os.path.lexists(folder) else [[sys.executable, "-m", "venv", folder]]
    # first all but torch, each file checked by its hash; then torch, and whether all fit together
    commands += [pip + ["--require-hashes", "--no-deps", "-r", "requirements.lock"], pip + ["-r", "requirements.txt"]]
    commands += [pip + ["--no-deps", "--no-build-isolation", "-e", "."]]
    for command in commands:
        if subprocess.call(command, cwd=ROOT):
            sys.exit("The environment is not complete. Run the same command again when the cause is removed.")


def main(folder):
    stamp = os.path.join(folder, ".stamp")
    found, state, sound = read(stamp), wanted(folder), usable(folder)
    if sound and found == state:
        return
    # without a stamp the installation was interrupted: it goes on
    sound = sound and (found is None or found.splitlines()[:2] == state.splitlines()[:2])
    if not sound:
        problem = version_problem(sys.version_info, sys.executable)
        if problem:
            sys.exit(problem)
        if os.path.lexists(folder):
            remove(folder)
    install(folder)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(state)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]))
