import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from pbdl_helpers import datasets

ATTRIBUTES = {"PDE": "Burgers", "Fields": ["velocity"], "Fields_Scheme": "u", "Dt": 0.1}


def sims(count=2, shape=(5, 1, 8), dtype=np.float32):
    generator = np.random.default_rng(0)
    return [generator.random(shape).astype(dtype) for _ in range(count)]


@pytest.fixture
def file(tmp_path):
    return datasets.write(tmp_path / "set.hdf5", sims(), [{"nu": 0.1}, {"nu": 0.2}], **ATTRIBUTES)


@pytest.fixture
def served(tmp_path, monkeypatch, file):
    """A registry with one file, served over HTTP and absent from every local folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    file.rename(folder / "set.hdf5")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = {
        "url": f"http://127.0.0.1:{server.server_port}",
        "files": {"set.hdf5": {"sha256": datasets.sha256(folder / "set.hdf5"), "bytes": 1}},
    }
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr(datasets, "registry", lambda: known)
    monkeypatch.setattr(datasets.pooch, "os_cache", lambda _: tmp_path / "cache")
    yield folder / "set.hdf5"
    server.shutdown()
    server.server_close()


def test_round_trip(file):
    data = datasets.read(file)
    for stored, sim in zip(data.sims, sims(), strict=True):
        np.testing.assert_array_equal(stored, sim)
    assert [c["nu"] for c in data.constants] == [0.1, 0.2]
    assert data.attributes["PDE"] == "Burgers"
    assert list(data.attributes["Constants"]) == ["nu"]


def test_writing_is_deterministic(tmp_path, file):
    again = datasets.write(tmp_path / "again.hdf5", sims(), [{"nu": 0.1}, {"nu": 0.2}], **ATTRIBUTES)
    assert datasets.sha256(again) == datasets.sha256(file)


def test_pbdl_reads_it(file):
    # in its own process: the package warns at import, exits on errors and keeps global state
    code = f"""
import warnings; warnings.simplefilter("ignore")
import json, numpy as np
from pbdl.dataset import Dataset
data = Dataset("set", time_steps=1, local_datasets_dir={str(file.parent)!r}, disable_progress=True)
source, target, constants, _ = data[1]
sim = data.get_sim_raw(0)
print("RESULT", len(data), bool((source == sim[1]).all()), bool((target == sim[2]).all()),
      bool((source == target).all()), float(constants[0]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=300)
    assert "RESULT 8 True True False 0.1" in result.stdout, result.stdout + result.stderr


def test_download_then_cache(served, tmp_path):
    path = datasets.fetch("set.hdf5")
    assert path.parent.parent == tmp_path / "cache"
    served.unlink()
    assert datasets.fetch("set.hdf5") == path


def test_data_made_anew_do_not_break_an_older_package(served, tmp_path, monkeypatch):
    """Two releases at two addresses: each package gets its own file, one after the other, from the same cache."""
    known = datasets.registry()
    known["url"] += "/{version}/data"
    names = ("0.1.0", "0.2.0")
    files = {name: served.parent / f"v{name}" / "data" / "set.hdf5" for name in names}
    digests = {}
    for name, path in files.items():
        path.parent.mkdir(parents=True)
        path.write_text(f"data of {name}", encoding="utf-8")
        digests[name] = datasets.sha256(path)
    for name in (*names, names[0]):
        monkeypatch.setattr(datasets, "__version__", name)
        known["files"]["set.hdf5"]["sha256"] = digests[name]
        assert datasets.fetch("set.hdf5").read_text(encoding="utf-8") == f"data of {name}"
    for path in files.values():
        path.unlink()  # both are cached
    assert datasets.fetch("set.hdf5").read_text(encoding="utf-8") == "data of 0.1.0"


def test_local_copy_first(served, tmp_path, monkeypatch):
    monkeypatch.setenv("PBDL_DATA", str(served.parent))
    assert datasets.fetch("set.hdf5") == served
    assert not (tmp_path / "cache").exists()


def test_altered_local_copy(served, monkeypatch):
    monkeypatch.setenv("PBDL_DATA", str(served.parent))
    served.write_bytes(served.read_bytes() + b"x")
    with pytest.raises(ValueError, match="SHA-256"):
        datasets.fetch("set.hdf5")


def test_altered_download_keeps_nothing(served, tmp_path):
    served.write_bytes(served.read_bytes()[:-10])
    with pytest.raises(ValueError, match="SHA-256"):
        datasets.fetch("set.hdf5")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_interrupted_download_keeps_nothing(served, tmp_path, monkeypatch):
    def cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"half")

    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "do_GET", cut)
    with pytest.raises((FileNotFoundError, ValueError)):
        datasets.fetch("set.hdf5")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_not_downloadable(served, monkeypatch):
    monkeypatch.setenv("PBDL_DATA_URL", "http://127.0.0.1:9/nowhere")
    with pytest.raises(FileNotFoundError, match="PBDL_DATA"):
        datasets.fetch("set.hdf5")


def test_unknown_name():
    with pytest.raises(ValueError, match="no data file"):
        datasets.fetch("none.hdf5")


def test_registry_matches_the_folder():
    known = datasets.registry()["files"]
    folder = datasets.local_folders()[-1]
    assert {p.name for p in folder.glob("*.hdf5")} == {name for name in known if name.endswith(".hdf5")}
    for name, entry in known.items():
        assert (folder / name).stat().st_size == entry["bytes"], name
        assert datasets.sha256(folder / name) == entry["sha256"], name


def test_truncated(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match="truncated"):
        datasets.read(file)


def replace_sims(file):
    del file["sims"]
    file["sims"] = np.zeros((2, 5, 1, 8))


def group_for_a_sim(file):
    del file["sims/sim1"]
    file.create_group("sims/sim1")


def scalar_sim(file):
    del file["sims/sim1"]
    file["sims/sim1"] = np.float32(3)


def text_sim(file):
    del file["sims/sim1"]
    file["sims/sim1"] = "hello"


def nan(file):
    file["sims/sim1"][2, 0, 3] = np.nan


def no_frames(file):
    for name in ("sim0", "sim1"):
        del file[f"sims/{name}"]
        file[f"sims/{name}"] = np.zeros((0, 1, 8), np.float32)


def constant_missing(file):
    del file["sims/sim1"].attrs["nu"]


def constant_is_text(file):
    file["sims/sim1"].attrs["nu"] = "0.1"


def constant_is_a_list(file):
    file["sims/sim1"].attrs["nu"] = [0.1, 0.2]


def scheme_is_a_number(file):
    file["sims"].attrs["Fields Scheme"] = 3


def scheme_is_a_list(file):
    file["sims"].attrs["Fields Scheme"] = ["u"]


def constants_is_a_number(file):
    file["sims"].attrs["Constants"] = 3


def gap(file):
    file.move("sims/sim1", "sims/sim2")


def no_group(file):
    del file["sims"]


LAYOUTS = (replace_sims, group_for_a_sim, scalar_sim, text_sim, nan, no_frames, constant_missing, constant_is_text,
           constant_is_a_list, scheme_is_a_number, scheme_is_a_list, constants_is_a_number, gap, no_group)  # fmt: skip


@pytest.mark.parametrize("change", LAYOUTS, ids=lambda change: change.__name__)
def test_other_layouts_are_refused_by_the_file_s_name(file, change):
    with h5py.File(file, "r+") as opened:
        change(opened)
    with pytest.raises(ValueError, match=r"set[.]hdf5.*(sim|Scheme)"):
        datasets.read(file)


def test_file_that_another_process_writes_is_not_called_truncated(file):
    code = f"import h5py; f = h5py.File({str(file)!r}, 'r+'); print('open', flush=True); input(); f.close()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, encoding="utf-8") as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(PermissionError, match=r"set[.]hdf5.*another program"):
            datasets.read(file)
        process.communicate("\n", timeout=60)
    assert len(datasets.read(file).sims) == 2


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        datasets.read(tmp_path / "none.hdf5")


@pytest.mark.parametrize("attribute", datasets.LAYOUT)
def test_missing_attribute(file, attribute):
    with h5py.File(file, "r+") as f:
        del f["sims"].attrs[attribute]
    with pytest.raises(ValueError, match=attribute):
        datasets.read(file)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (sims(dtype=np.float64), "float32"),
        (sims(shape=(5, 8)), "shape"),
        (sims(shape=(5, 2, 8)), "shape"),
        ([np.full((5, 1, 8), np.nan, np.float32)] * 2, "NaN"),
        ([sims()[0], sims(shape=(4, 1, 8))[0]], "alike"),
        ([], "at least one"),
    ],
)
def test_bad_arrays_write_nothing(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        datasets.write(tmp_path / "bad.hdf5", arrays, [{"nu": 0.1}] * len(arrays), **ATTRIBUTES)
    assert not os.listdir(tmp_path)


def test_full_disk_keeps_the_old_file(tmp_path, file, monkeypatch):
    before = file.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="space"):
        datasets.write(file, sims(), [{"nu": 0.1}] * 2, **ATTRIBUTES)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_bad_constants_write_nothing(tmp_path):
    for constants, extra, message in [
        ([{"nu": 0.1}, {"nu": 0.1, "Re": 1}], {}, "give all the same"),
        ([{"nu": 0.1}, {"nu": "0.1"}], {}, "no finite number"),
        ([{"nu": 0.1}, {"nu": np.nan}], {}, "no finite number"),
        ([{"nu": 0.1}] * 2, {"Constants": ["nu"]}, "leave it out"),
    ]:
        with pytest.raises(ValueError, match=message):
            datasets.write(tmp_path / "bad.hdf5", sims(), constants, **ATTRIBUTES, **extra)
    assert not os.listdir(tmp_path)


LOADER = """
import warnings; warnings.simplefilter("ignore")
import torch
from pbdl.torch.loader import Dataloader
for name, steps in {steps!r}.items():
    for strategy in ("mean-std", "std", "zero-to-one", "minus-one-to-one", None):
        loader = Dataloader(name, time_steps=steps, local_datasets_dir={folder!r}, normalize_data=strategy,
                            normalize_const=strategy, disable_progress=True, batch_size=4, shuffle=True)
        data, target = next(iter(loader))
        fields = target.shape[1]
        assert data[:, :fields].std() > 0 and target.std() > 0, (name, strategy, "nothing in it")
        assert data.isfinite().all() and target.isfinite().all(), (name, strategy, "not finite")
        print("READ", name, strategy, tuple(data.shape))
"""


def load_with_pbdl(steps, folder):
    """Reads a batch of each file under each normalisation, in a process of its own; fails if one is not finite.

    Args:
        steps: name → frames between source and target.
    """
    code = LOADER.format(steps=steps, folder=str(folder))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("READ") == 5 * len(steps)


def test_pbdl_s_loader_reads_every_file_and_leaves_it_as_it_is(tmp_path):
    known, steps = datasets.registry()["files"], {}
    for name in (name for name in known if name.endswith(".hdf5")):
        with h5py.File(datasets.fetch(name)) as file:
            steps[name.removesuffix(".hdf5")] = min(1, len(file["sims/sim0"]) - 1)
        shutil.copy(datasets.fetch(name), tmp_path)
    load_with_pbdl(steps, tmp_path)
    for name in steps:
        assert datasets.sha256(tmp_path / f"{name}.hdf5") == known[f"{name}.hdf5"]["sha256"]


def test_what_does_not_vary_is_no_nan_in_pbdl(tmp_path):
    arrays = sims(shape=(5, 2, 8))
    for array in arrays:
        array[:, 1] = 3
    attributes = {**ATTRIBUTES, "Fields": ["velocity", "mask"], "Fields_Scheme": "um"}
    datasets.write(tmp_path / "set.hdf5", arrays, [{"nu": 0.1, "Re": 5}, {"nu": 0.1, "Re": 7}], **attributes)
    load_with_pbdl({"set": 1}, tmp_path)


def test_statistics_of_float16_are_finite(tmp_path):
    arrays = [300 * array for array in sims(dtype=np.float16)]
    path = datasets.write(tmp_path / "set.hdf5", arrays, [{"nu": 0.1}, {"nu": 0.2}], **ATTRIBUTES)
    with h5py.File(path) as file:
        assert file["norm_fields_sca_std"][()] == pytest.approx(arrays[0].astype(float).std(), rel=0.1)
        assert file["norm_fields_std"][()] == pytest.approx(arrays[0].astype(float).std(), rel=0.1)


def test_statistics_are_those_that_pbdl_computes(tmp_path):
    arrays = sims(count=3, shape=(5, 3, 4, 6))
    constants = [{"nu": 0.1, "Re": 5}, {"nu": 0.2, "Re": 7}, {"nu": 0.4, "Re": 7}]
    attributes = {**ATTRIBUTES, "Fields": ["velocity x", "velocity y", "pressure"], "Fields_Scheme": "vvp"}
    path = datasets.write(tmp_path / "set.hdf5", arrays, constants, **attributes)
    with h5py.File(path) as file:
        ours = {name: file[name][()] for name in file if name != "sims"}
    with h5py.File(path, "r+") as file:
        for name in ours:
            del file[name]
    load_with_pbdl({"set": 1}, tmp_path)
    with h5py.File(path) as file:
        theirs = {name: file[name][()] for name in file if name != "sims"}
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].shape == theirs[name].shape
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, err_msg=name)


def test_a_folder_called_data_that_is_not_ours_is_left_alone(served, tmp_path):
    other = tmp_path / "data" / "set.hdf5"
    other.parent.mkdir()
    other.write_text("somebody's", encoding="utf-8")
    assert datasets.fetch("set.hdf5").parent.parent == tmp_path / "cache"
    assert other.read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize("url", ["no-address", "http://[bad/", "ftp:/x", "http://"])
def test_malformed_address_is_no_wrong_checksum(served, monkeypatch, url):
    monkeypatch.setenv("PBDL_DATA_URL", url)
    with pytest.raises(FileNotFoundError, match="PBDL_DATA_URL"):
        datasets.fetch("set.hdf5")


def test_malformed_proxy_is_no_wrong_checksum(served, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://:::")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(FileNotFoundError, match="proxy"):
        datasets.fetch("set.hdf5")


def test_registry_is_valid_json():
    url = json.loads(json.dumps(datasets.registry()))["url"]
    assert url.startswith("https://")
    assert "{version}" in url
