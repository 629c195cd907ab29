import pytest

from filters.identifier_context import label_before
from filters.identifier_shapes import MASK


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", ("", 0)),
        ("유채꽃 ", ("", 0)),
        ("계좌번호: ", ("account", 4)),
        ("주민등록번호는 ", ("resident", 6)),
        ("외국인등록번호 ", ("foreigner", 3)),
        ("여권 전화 ", ("phone", 1)),  # the nearest word
        ("TEL.", ("phone", 1)),
        ("hotel ", ("", 0)),
        ("주문번호 ", ("order", 3)),
        ("모델명 ", ("other", 2)),
        ("계좌 110-123-456789, ", ("", 0)),  # not across another number
        (f"계좌 {MASK} ", ("", 0)),
        ("계좌 1) ", ("account", 4)),
        ("계좌" + " " * 22, ("account", 22)),
        ("계좌" + " " * 23, ("", 0)),
    ],
)
def test_label_before(before, expected):
    assert label_before(before + "123", len(before)) == expected
