"""Colors of CSS as numbers: how bright one is, and how well it is read on another (WCAG 2.2)."""

from __future__ import annotations


def channels(color: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rgb` or `#rrggbb`, each from 0 to 255."""
    digits = color.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def luminance(color: str) -> float:
    """The relative luminance of `#rgb` or `#rrggbb`, from 0 to 1 (WCAG 2.2)."""
    shares = (channel / 255 for channel in channels(color))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colors, from 1 to 21; 4.5 is the least for texts (WCAG 2.2, 1.4.3)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
