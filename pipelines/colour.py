"""Colours to sRGB through embedded ICC profiles."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]

SAME_COLOUR: Final = 3
"""Largest difference in 8-bit steps, over a grid of colours, for a profile to count as sRGB itself."""

_MODES: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SRGB: Final = ImageCms.createProfile("sRGB")


@lru_cache(maxsize=64)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of ``icc`` from ``mode`` to sRGB; None where the profile is broken or of another space.

    Browsers, too, show an image with a broken profile as if it had none. Perceptual intent, as photographs want.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if _MODES.get(profile.profile.xcolor_space) != mode:
            return None
        return ImageCms.buildTransform(profile, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=64)
def is_srgb(icc: bytes) -> bool:
    """Return whether the RGB profile ``icc`` leaves colours as they are, to within `SAME_COLOUR`.

    The profile is judged by what it does to a 9×9×9 grid, not by its name: many sRGB profiles are called otherwise.
    A broken profile changes nothing either.
    """
    transform = _transform(icc, "RGB")
    if transform is None:
        return True
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform), np.int16)
    return bool(np.abs(moved - grid).max() <= SAME_COLOUR)


def to_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """Return ``pixels`` (height × width grey, ×3 RGB or ×4 CMYK, 0 = no ink) as height × width × 3 sRGB."""
    mode = "L" if pixels.ndim == 2 else {3: "RGB", 4: "CMYK"}[pixels.shape[2]]
    transform = None
    if icc and not (mode == "RGB" and is_srgb(icc)):
        transform = _transform(icc, mode)
    if transform is None and mode == "RGB":
        return pixels
    if transform is None and mode == "L":
        return np.repeat(pixels[:, :, None], 3, axis=2)
    picture = Image.fromarray(pixels, mode) if mode == "CMYK" else Image.fromarray(pixels)
    converted = picture.convert("RGB") if transform is None else ImageCms.applyTransform(picture, transform)
    assert converted is not None
    return np.asarray(converted)
