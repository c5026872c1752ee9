"""What must hold for the sources of the book. Each function returns a list of problems, empty if all is well."""

import json
import math
import re

from pbdl_helpers.claims import shown
from tools import ROOT, notebooks, pages

BOOTSTRAP = """\
# On Colab this installs the book's helpers; elsewhere they are already there.
try:
    import pbdl_helpers  # noqa: F401
except ModuleNotFoundError:
    %pip install -q {wheel}"""
HEADINGS = ("You will learn", "## Claims", "## Summary", "## Exercises", "## Next", "## References")
EXERCISES = range(3, 7)
SECONDS, ALL_SECONDS = 180, 3600  # one core, of one notebook and of all
REFERENCE, SLOWER = "AMD EPYC", 1.5  # the processor for which a notebook is sized; on another it may take longer
OUTPUT_BYTES, DATA_BYTES = 1.7e6, 140e6  # outputs of one notebook, each figure twice; all files in data/
BOOKS_RUN = {"scale": "book", "seed": 0, "device": "cpu"}  # what stored outputs come from
LOOSE = 20  # largest factor between a measured value and its bound; safeguards against faults may be looser


def bootstrap() -> str:
    """Returns the first code cell that every notebook must have."""
    return BOOTSTRAP.format(wheel=pages.wheel_url(pages.repository_url()))


def notebook_problems(notebook) -> list[str]:
    """Checks a notebook as committed: executed from this very source, clean outputs, complete skeleton."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    problems = []
    record = notebook.metadata.get("pbdl", {})
    if not record:
        problems.append("was never executed by `make run`")
    elif record["source_sha256"] != notebooks.source_hash(notebook):
        problems.append("was edited after its execution; run `make run`")
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        problems.append("was not executed from top to bottom in a fresh kernel")
    run = {key: record.get(key) for key in BOOKS_RUN}
    if record and run != BOOKS_RUN:
        problems.append(f"was executed with {run}, not with {BOOKS_RUN}; run `make run`")
    problems += setup_problems(notebook) if record else []
    allowed = SECONDS * (1 if REFERENCE in record.get("cpu", "") else SLOWER)
    if record.get("seconds", 0) > allowed:
        problems.append(f"took {record['seconds']} s; at most {allowed:.0f} s are allowed")
    size = sum(len(json.dumps(output)) for cell in code for output in cell.outputs)
    if size > OUTPUT_BYTES:
        problems.append(f"has {size / 1e6:.1f} MB of outputs; at most {OUTPUT_BYTES / 1e6:.1f} MB are allowed")
    for number, cell in enumerate(code, 1):
        problems += [f"code cell {number}: {problem}" for problem in output_problems(cell)]
    if code[0].source != bootstrap():
        problems.append("the first code cell is not the common bootstrap cell")
    claims = [row for record in notebooks.claims(notebook) for row in record["claims"]]
    if not claims:
        problems.append("has no claims; use `with Claims(...)`")
    problems += [problem for row in claims for problem in claim_problems(row)]
    if any("TODO" in cell.source for cell in notebook.cells):
        problems.append("still holds a TODO of the template")
    problems += [f"code cell {n}: {problem}" for n, cell in enumerate(code, 1) for problem in fold_problems(cell)]
    problems += kept_problems(notebook) + exercise_problems(text)
    exercises = len(re.findall(r"^[:`]{3,}\{exercise\}", text, flags=re.M))
    solutions = len(re.findall(r"^[:`]{3,}\{solution(?:-start)?\}", text, flags=re.M))
    if exercises not in EXERCISES:
        problems.append(f"has {exercises} exercises; {EXERCISES.start} to {EXERCISES.stop - 1} are wanted")
    if solutions != exercises:
        problems.append(f"has {solutions} solutions for {exercises} exercises")
    problems += [f"lacks {heading!r}" for heading in HEADINGS if heading not in text]
    return problems + markdown_problems(text)


def setup_problems(notebook) -> list[str]:
    """Checks that what ``setup`` printed is the book's run: its scale, the seed in the code, the CPU."""
    text = "".join(o.get("text", "") for cell in notebooks.code_cells(notebook) for o in cell.outputs)
    printed = re.search(r"^(\w+) scale, seed (-?\d+), (\w+), torch", text, flags=re.M)
    seed = re.search(r"\bsetup\((?:seed=)?(-?\d+|)", "\n".join(c.source for c in notebooks.code_cells(notebook)))
    expected = (BOOKS_RUN["scale"], seed[1] or "0" if seed else None, BOOKS_RUN["device"])
    if not printed or printed.groups() != expected:
        return [f"its setup printed {printed and printed[0]!r}; expected are scale, seed and device {expected}"]
    return []


def chapter_problems(notebook, name) -> list[str]:
    """Checks that claims carry the notebook's name, and that no claim occurs twice in it."""
    records = notebooks.claims(notebook)
    problems = [f"its claims call it {r['chapter']!r}" for r in records if r["chapter"] != name]
    texts = [row["text"] for record in records for row in record["claims"]]
    return problems + [f"claims {text!r} twice" for text in sorted({t for t in texts if texts.count(t) > 1})]


# A row is read alone, sorted by verdict; what "it" is stands in another row.
LEANING = re.compile(
    r"(it|its|they|their|them|among them|and|but|yet|so|nor|neither|although|the same|halved again)\b"
    r"|.*\b(does not|do not|not always|there is)[;:,]|.*; the same ",
    re.IGNORECASE,
)


def claim_problems(row) -> list[str]:
    """Checks that a claim reads as its verdict says, and that its bound is near enough for an effect to fail it."""
    value, bound = shown(row)
    problems = []
    if LEANING.match(row["text"]):
        problems.append(f"claim {row['text']!r} leans on the one before; name what it is about")
    if reads_as(row) != row["passed"]:
        problems.append(f"claim {row['text']!r} reads wrong: {value}, bound {bound}, {row['verdict']}")
    if row["passed"] and row["group"] != "safeguard" and (factor := looseness(row)) > LOOSE:
        problems.append(f"claim {row['text']!r} is {factor:.3g} times from its bound: {value}, bound {bound}")
    return problems


def reads_as(row) -> bool:
    """Tells whether a claim holds for a reader who has only the digits of the table."""
    value, bound = shown(row)
    sign, _, rest = bound.partition(" ")
    if value == "not finite":
        return False
    if sign in "≤≥=":
        limit = number(rest)
        return {"≤": number(value) <= limit, "≥": number(value) >= limit, "=": number(value) == limit}[sign]
    low, high = map(number, bound.split(" to "))
    return low < high and low <= number(value) <= high


def number(text) -> float:
    """Reads a number as tables show it, such as −1,234.5 or −3.9·10⁻¹⁵."""
    plain = text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789", ","))
    if not re.search("[⁰¹²³⁴⁵⁶⁷⁸⁹]", text):
        return float(plain)
    sign, mantissa, power = re.fullmatch(r"(-?)(?:([\d.]+)·)?10(-?\d+)", plain).groups()
    return float(f"{sign}{mantissa or 1}e{power}")


def looseness(row) -> float:
    """Returns by which factor the measured value lies within its bound, the larger of two; a bound of zero is a sign.

    Between two bounds of opposite signs it is the larger bound over the value.
    """
    value, ends = row["value"], [end for end in (row["low"], row["high"]) if end]
    if len(ends) == 2 and ends[0] < 0 < ends[1]:
        ends = [max(map(abs, ends))]
        value = abs(value)
    factors = [math.inf if value * end <= 0 else max(value / end, end / value) for end in ends if end != value]
    return max(factors, default=1)


def fold_problems(cell) -> list[str]:
    """Checks that a cell which teaches nothing of the method is folded: bootstrap, set-up, figures and claims."""
    plumbing = ("import pbdl_helpers  #", "setup(", "with Claims(", "plotting.keep(", "plt.subplots(")
    folded = "hide-input" in cell.metadata.get("tags", [])
    draws = "mystnb" in cell.metadata or any(part in cell.source for part in plumbing)
    return ["must be folded by the tag hide-input"] if draws and not folded else []


def kept_problems(notebook) -> list[str]:
    """Checks that the page opens with its key picture, and that each output that was kept is placed with all texts."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    directive = r"^([:`]{3,})\{glue:figure\} *(\S+)\n(.*?)^\1 *$"
    placed = {key: body for _, key, body in re.findall(directive, text, flags=re.M | re.S)}
    kept = notebooks.kept(notebook)
    problems = [] if "{glue:figure}" in notebook.cells[0].source else ["does not open with its key picture"]
    problems += [f"keeps {key}, but places it nowhere" for key in kept.keys() - placed.keys()]
    for key, body in placed.items():
        data = kept[key].data if key in kept else {}
        problems += [] if has_picture(data) else [f"figure {key} has no picture"]
        wanted = {"name": r"^:name: *\S"}
        if "image/png" in data:
            wanted["alt text"] = r"^:alt: *\S"
        problems += [f"figure {key} has no {what}" for what, line in wanted.items() if not re.search(line, body, re.M)]
        if not re.sub(r"^:[^:\n]+:.*$", "", body, flags=re.M).strip():
            problems.append(f"figure {key} has no caption")
    return problems


def has_picture(data) -> bool:
    """Tells whether an output's data hold what a reader sees: an image or a video."""
    return any(kind.startswith("image/") for kind in data) or "<video" in data.get("text/html", "")


def exercise_problems(text) -> list[str]:
    """Checks that each exercise says how hard it is, and gives a hint unless it is easy."""
    problems = []
    for _, title, body in re.findall(r"^([:`]{3,})\{exercise\} *([^\n]*)\n(.*?)^\1 *$", text, flags=re.M | re.S):
        level = re.search(r"\((easy|medium|hard)\)$", title)
        if not level:
            problems.append(f"exercise {title!r} does not end with (easy), (medium) or (hard)")
        elif level[1] != "easy" and "{dropdown} Hint" not in body:
            problems.append(f"exercise {title!r} has no hint")
    return problems


def output_problems(cell) -> list[str]:
    """Checks a code cell's outputs: no error, no stderr, each image with caption, name and alt text."""
    problems = []
    if "figure" in cell.metadata.get("mystnb", {}) and not any(has_picture(o.get("data", {})) for o in cell.outputs):
        problems.append("has a caption, but no picture")
    for output in cell.outputs:
        if output.output_type == "error":
            problems.append(f"has the error {output.ename}")
        elif output.output_type == "stream" and output.name == "stderr":
            problems.append("wrote to stderr")
        data = output.get("data", {})
        if "scrapbook" not in output.get("metadata", {}) and any(kind.startswith("image/") for kind in data):
            settings = cell.metadata.get("mystnb", {})
            figure, image = settings.get("figure", {}), settings.get("image", {})
            for key, value in (("alt", image.get("alt")), ("caption", figure.get("caption"))):
                if not value:
                    problems.append(f"its figure has no {key} text")
            if not figure.get("name"):
                problems.append("its figure has no name")
        for tag in re.findall(r"<img\b[^>]*>", data.get("text/html", "")):
            if not has_alt(tag):
                problems.append("an image in its HTML output has no alt text")
        for tag in re.findall(r"<video\b[^>]*>", data.get("text/html", "")):
            if "aria-label=" not in tag:
                problems.append("a video has no label that says what is seen")
    return problems


def markdown_problems(text) -> list[str]:
    """Checks MyST text: each figure and image has alt text."""
    problems = []
    directive = r"^([:`]{3,})\{(figure|image)\} *(\S+)\n(.*?)^\1 *$"
    for _, kind, target, body in re.findall(directive, text, flags=re.M | re.S):
        if not re.search(r"^:alt: *\S", body, flags=re.M):
            problems.append(f"{kind} {target} has no alt text")
    problems += [f"image {target} has no alt text" for target in re.findall(r"!\[\s*\]\(([^)]*)\)", text)]
    return problems + [f"{tag} has no alt text" for tag in re.findall(r"<img\b[^>]*>", text) if not has_alt(tag)]


def printed_tables(notebook) -> list[str]:
    """Returns printed outputs in columns, which break on a phone: the first line of each."""
    found = []
    for cell in notebooks.code_cells(notebook):
        text = "".join(output.get("text", "") for output in cell.outputs)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        rows = [line for line in lines if re.search(r"\S {2,}\S", line) and re.search(r"\d", line)]
        if len(lines) > 2 and len(rows) > 1:
            found.append(lines[0])
    return found


def has_alt(tag) -> bool:
    return re.search(r'\balt="[^"]+"', tag) is not None


def toc_problems(named) -> list[str]:
    """Checks that the pages ``named`` by ``_toc.yml`` are exactly the sources that exist."""
    sources = [*(ROOT / "book").rglob("*.md"), *notebooks.find()]
    existing = {path.relative_to(ROOT).with_suffix("").as_posix() for path in sources}
    problems = [f"_toc.yml does not name {page}" for page in sorted(existing - set(named))]
    problems += [f"_toc.yml names {page}, which does not exist" for page in sorted(set(named) - existing)]
    problems += [f"_toc.yml names {page} twice" for page in sorted({p for p in named if named.count(p) > 1})]
    return problems


def url_problems(text, url) -> list[str]:
    """Checks that every address of this repository, its raw files and its site in ``text`` belongs to its owner.

    Args:
        text: a file's text.
        url: ``https://github.com/OWNER/NAME``.
    """
    owner, name = url.removeprefix("https://github.com/").split("/")
    hosts = rf"(?:github\.com/|githubusercontent\.com/)([\w-]+)/{name}\b|([\w-]+)\.github\.io/{name}\b"
    owners = {a or b for a, b in re.findall(hosts, text)}
    if not owners and pages.site_url(url) not in text:
        return [f"does not name the repository {owner}/{name}; run `make url URL=...`"]
    return [f"names {other}/{name} instead of {owner}/{name}; run `make url URL=...`" for other in owners - {owner}]
