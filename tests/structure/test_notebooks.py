"""Every committed notebook is executed, unaltered, clean and complete; and the checks that say so can fail."""

import math
import shutil

import checks
import nbformat
import pytest

from pbdl_helpers.claims import MIME
from tools import notebooks, run

PATHS = notebooks.find()
IDS = [path.stem for path in PATHS]


@pytest.fixture
def notebook():
    return notebooks.read(PATHS[0])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def figure_cell(notebook):
    return next(cell for cell in code_cells(notebook) if "mystnb" in cell.metadata)


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_notebook(path):
    notebook = notebooks.read(path)
    assert checks.notebook_problems(notebook) == []
    assert checks.chapter_problems(notebook, notebooks.name(path)) == []


# Notebooks whose results are still printed in columns, not shown by `tables.Table`. The list only shrinks.
STILL_PRINTED = {"fluid_control"}


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_results_are_tables(path):
    """A notebook on the list that prints no table any more leaves it."""
    printed = checks.printed_tables(notebooks.read(path))
    if path.stem in STILL_PRINTED:
        assert printed
    else:
        assert printed == []


def test_all_notebooks_keep_the_budget():
    assert sum(notebooks.seconds(notebooks.read(path)) for path in PATHS) <= checks.ALL_SECONDS


def test_claims_of_another_chapter_are_reported(notebook):
    assert checks.chapter_problems(notebook, "part/other") == [f"its claims call it {notebooks.name(PATHS[0])!r}"]
    record = notebooks.claims(notebook)[0]
    record["claims"].append(record["claims"][0])
    assert "twice" in checks.chapter_problems(notebook, notebooks.name(PATHS[0]))[0]


def test_template_lacks_only_its_content(tmp_path):
    """A new chapter starts from it: once it is executed, nothing is wrong but what its author has to write."""
    path = tmp_path / "chapter.ipynb"
    shutil.copy(notebooks.TEMPLATE, path)
    assert "was never executed by `make run`" in checks.notebook_problems(notebooks.read(path))
    assert run.main([str(path)]) == 0
    notebook = notebooks.read(path)
    assert checks.notebook_problems(notebook) == ["still holds a TODO of the template"]
    assert checks.chapter_problems(notebook, "part/template") == []


def unexecuted(notebook):
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    del notebook.metadata["pbdl"]


def edited(notebook):
    code_cells(notebook)[5].source += "\n# one more line"


def other_scale(notebook):
    notebook.metadata["pbdl"]["scale"] = "full"


def other_seed(notebook):
    notebook.metadata["pbdl"]["seed"] = 5


def other_device(notebook):
    notebook.metadata["pbdl"]["device"] = "cuda"


def other_setup(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "text" in output:
                output["text"] = output["text"].replace("book scale, seed ", "book scale, seed 4")


def kept_without_picture(notebook):
    for output in notebooks.kept(notebook).values():
        output.data.pop("image/png", None)


def caption_without_picture(notebook):
    figure_cell(notebook).outputs = []


def loose_claim(notebook):
    row = notebooks.claims(notebook)[0]["claims"][0]
    row.update(value=5.0, low=0.2, high=None, group="finding", passed=True)


def claim_that_reads_wrong(notebook):
    row = notebooks.claims(notebook)[0]["claims"][0]
    row.update(value=5.0, low=6.0, high=None, passed=True)


def leaning_claim(notebook):
    notebooks.claims(notebook)[0]["claims"][0]["text"] = "Its error is small"


def out_of_order(notebook):
    code_cells(notebook)[5].execution_count = 99


def failed(notebook):
    code_cells(notebook)[5].outputs.append(nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[]))


def noisy(notebook):
    code_cells(notebook)[5].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="UserWarning"))


def slow(notebook):
    notebook.metadata["pbdl"].update(seconds=181, cpu="AMD EPYC 9654")


def slow_elsewhere(notebook):
    notebook.metadata["pbdl"].update(seconds=271, cpu="another")


def heavy(notebook):
    code_cells(notebook)[5].outputs.append(nbformat.v4.new_output("stream", text="x" * 1_700_001))


def unfinished(notebook):
    notebook.cells[-1].source += "\nTODO"


def other_bootstrap(notebook):
    code_cells(notebook)[0].source += "\n"


def without_claims(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            output.get("data", {}).pop(MIME, None)


def without_exercises(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("{exercise}", "{note}")


def without_a_solution(notebook):
    cell = next(cell for cell in notebook.cells if "{solution-start}" in cell.source)
    cell.source = cell.source.replace("{solution-start}", "{note}", 1)


def without_summary(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("## Summary", "## The end")


def figure_without_alt(notebook):
    del figure_cell(notebook).metadata["mystnb"]["image"]


def figure_without_caption(notebook):
    del figure_cell(notebook).metadata["mystnb"]["figure"]["caption"]


def animation_without_alt(notebook):
    html = {"text/html": '<figure><img src="data:,"></figure>'}
    code_cells(notebook)[5].outputs.append(nbformat.v4.new_output("display_data", html))


def video_without_label(notebook):
    html = {"text/html": "<video controls></video>"}
    code_cells(notebook)[5].outputs.append(nbformat.v4.new_output("display_data", html))


def unfolded(notebook):
    figure_cell(notebook).metadata["tags"] = []


def without_key_picture(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace("{glue:figure}", "{note}")


def key_picture_without_alt(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace(":alt:", ":class:")


def key_picture_without_caption(notebook):
    source = notebook.cells[0].source
    start = source.index("\n\n", source.index(":alt:"))
    notebook.cells[0].source = source[:start] + source[source.index("\n```", start) :]


def kept_nowhere(notebook):
    metadata = {"scrapbook": {"name": "lost", "mime_prefix": ""}}
    code_cells(notebook)[5].outputs.append(nbformat.v4.new_output("display_data", {}, metadata=metadata))


def exercise_without_level(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("(easy)", "")


def exercise_without_hint(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("{dropdown} Hint", "{note}")


def markdown_image_without_alt(notebook):
    notebook.cells.append(nbformat.v4.new_markdown_cell("![](plume.png)"))


BREAKS = {
    unexecuted: "was never executed",
    edited: "was edited after its execution",
    other_scale: "was executed with {'scale': 'full'",
    other_seed: "'seed': 5",
    other_device: "'device': 'cuda'",
    other_setup: "its setup printed",
    kept_without_picture: "has no picture",
    caption_without_picture: "has a caption, but no picture",
    loose_claim: "25 times from its bound: 5, bound ≥ 0.2",
    leaning_claim: "leans on the one before",
    claim_that_reads_wrong: "reads wrong: 5, bound ≥ 6",
    out_of_order: "was not executed from top to bottom",
    failed: "has the error ValueError",
    noisy: "wrote to stderr",
    slow: "took 181 s; at most 180 s",
    slow_elsewhere: "took 271 s; at most 270 s",
    heavy: "MB of outputs",
    unfinished: "still holds a TODO",
    other_bootstrap: "not the common bootstrap cell",
    without_claims: "has no claims",
    without_exercises: "has 0 exercises",
    without_a_solution: "solutions for",
    without_summary: "lacks '## Summary'",
    figure_without_alt: "its figure has no alt text",
    figure_without_caption: "its figure has no caption text",
    animation_without_alt: "an image in its HTML output has no alt text",
    video_without_label: "a video has no label",
    unfolded: "must be folded",
    without_key_picture: "does not open with its key picture",
    key_picture_without_alt: "has no alt text",
    key_picture_without_caption: "has no caption",
    kept_nowhere: "keeps lost, but places it nowhere",
    exercise_without_level: "does not end with (easy)",
    exercise_without_hint: "has no hint",
    markdown_image_without_alt: "image plume.png has no alt text",
}


@pytest.mark.parametrize(("damage", "problem"), BREAKS.items(), ids=[damage.__name__ for damage in BREAKS])
def test_damaged_notebook_is_reported(notebook, damage, problem):
    damage(notebook)
    assert any(problem in found for found in checks.notebook_problems(notebook))


@pytest.mark.parametrize(
    ("value", "low", "high", "factor"),
    [
        (5, 0.5, None, 10),
        (0.001, None, 0.02, 20),
        (0.0, None, 0.02, math.inf),
        (-3.0, None, 0.02, math.inf),
        (-3.0, None, 0.0, 1),
        (0.01, -0.1, 0.1, 10),
        (-4.0, -8.0, -1.0, 4),
        (7, 7, 7, 1),
    ],
)
def test_looseness_of_a_bound(value, low, high, factor):
    assert checks.looseness({"value": value, "low": low, "high": high}) == pytest.approx(factor)
