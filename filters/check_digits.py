"""Check digits and dates inside registration numbers, cards and barcodes.

Arguments are strings of ASCII digits of the length named. Sources: 주민등록법 시행규칙 (numbers issued since 2020-10
carry six random digits, so nine in ten of them fail), the published rules of 법인등록번호 and 사업자등록번호,
ISO/IEC 7812 for cards, GS1 for barcodes.
"""

from __future__ import annotations

import re
from typing import Final

_NOT_DIGITS: Final = re.compile("[^0-9]+")


def digits_in(text: str) -> str:
    """Return the ASCII digits of ``text``."""
    return _NOT_DIGITS.sub("", text)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def resident_checksum(digits: str) -> bool:
    """Whether 13 digits pass the check digit of resident (or, by the 7th digit 5 to 8, foreigner) numbers."""
    base = 13 if digits[6] in "5678" else 11
    return (base - _weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(digits[12])


def corporate_checksum(digits: str) -> bool:
    """Whether 13 digits pass the check digit of 법인등록번호."""
    return (10 - _weighted(digits, (1, 2) * 6) % 10) % 10 == int(digits[12])


def business_checksum(digits: str) -> bool:
    """Whether 10 digits pass the check digit of 사업자등록번호."""
    total = _weighted(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def luhn(digits: str) -> bool:
    """Whether the digits pass the Luhn check of ISO/IEC 7812."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def barcode_checksum(digits: str) -> bool:
    """Whether 13 digits pass the EAN-13 check."""
    return _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


_MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def birth_date(digits: str) -> bool:
    """Whether the first six digits are a month and a day after two digits of a year."""
    month, day = int(digits[2:4]), int(digits[4:6])
    return 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1]


def plausible_century(digits: str) -> bool:
    """Whether the 7th digit says born 1900 to 2049; the 1800s (9, 0) and 2050 on hold nobody to protect."""
    return digits[6] in "1256" or (digits[6] in "3478" and digits[0] < "5")
