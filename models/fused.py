"""Convolutions that hold the normalisation after them: the same answer in fewer passes over the picture."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fuse(module: nn.Module) -> None:
    """Folds each batch normalisation into the convolution before it, in place; for answering, not training.

    The running mean and variance are constants by then, so both together are one linear map (Jacob et al.
    2018, arXiv:1712.05877, 3.2).
    """
    from timm.layers.norm_act import BatchNormAct2d  # noqa: PLC0415 - takes seconds

    before: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, BatchNormAct2d) and before is not None:
            plain = nn.BatchNorm2d(child.num_features, eps=child.eps)
            plain.load_state_dict(child.state_dict())
            setattr(module, before[0], fuse_conv_bn_eval(before[1].eval(), plain.eval()))
            setattr(module, name, child.act)
        elif not isinstance(child, nn.Conv2d):
            fuse(child)
        before = (name, child) if isinstance(child, nn.Conv2d) else None
