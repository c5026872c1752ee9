"""Puts trained parts (out/VARIANT-SEED.safetensors, full precision) into drafts/35/parts.safetensors, half precision, and back.

keep_parts.py keep OUT_DIR   |   keep_parts.py back OUT_DIR
"""
import json, sys
from pathlib import Path
from safetensors import safe_open
from safetensors.torch import load_file, save_file

here, command, folder = Path(__file__).parent / "parts.safetensors", sys.argv[1], Path(sys.argv[2])
if command == "keep":
    tensors, headers = {}, {}
    for part in sorted(folder.glob("*.safetensors")):
        if part.stat().st_size < 1000:
            continue
        with safe_open(part, framework="pt") as file:
            headers[part.stem] = file.metadata()["pbdl"]
        tensors |= {f"{part.stem}/{k}": v.half().contiguous() for k, v in load_file(part).items()}
    save_file(tensors, here, metadata={"headers": json.dumps(headers)})
    print(list(headers))
else:
    folder.mkdir(parents=True, exist_ok=True)
    with safe_open(here, framework="pt") as file:
        headers = json.loads(file.metadata()["headers"])
    everything = load_file(here)
    for stem, header in headers.items():
        mine = {k.split("/", 1)[1]: v.float() for k, v in everything.items() if k.startswith(stem + "/")}
        save_file(mine, folder / f"{stem}.safetensors", metadata={"pbdl": header})
