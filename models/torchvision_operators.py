"""The operator schemas that torchvision registers at import, declared where its compiled part is missing.

The torchvision wheel of a package index is built for CUDA; beside a CPU build of torch its compiled
library does not load, and the import stops at `operator torchvision::nms does not exist`. timm needs
torchvision's Python transforms only, so the two schemas that the import looks up are enough.
"""

from __future__ import annotations

import functools
import importlib

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@functools.cache
def declare_missing_operators() -> torch.library.Library | None:
    """Makes `import torchvision` work; call it before the first import of torchvision or timm.

    Does nothing, and returns None, where torchvision imports by itself. Otherwise returns the
    library that holds the declarations; they live as long as it does, so it is kept by the cache.
    Calling one of the declared operators still fails, as it would without this.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    else:
        return None
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    importlib.import_module("torchvision")
    return library
