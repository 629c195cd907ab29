import pytest

from schemas.reasons import NO_REASON, Reason, is_transient


@pytest.mark.parametrize(
    ("reason", "status", "transient"),
    [
        (Reason.ROBOTS_UNREACHABLE, None, True),
        (Reason.HOST_UNRESOLVED, None, True),
        (Reason.CONNECTION_FAILED, None, True),
        (Reason.TIMED_OUT, 200, True),
        (Reason.BODY_INVALID, 200, True),
        (Reason.HOST_SET_ASIDE, None, True),
        (Reason.HTTP_STATUS, 408, True),
        (Reason.HTTP_STATUS, 425, True),
        (Reason.HTTP_STATUS, 429, True),
        (Reason.HTTP_STATUS, 499, False),
        (Reason.HTTP_STATUS, 500, True),
        (Reason.HTTP_STATUS, 404, False),
        (Reason.HTTP_STATUS, 410, False),
        (Reason.HTTP_STATUS, None, False),
        (Reason.OPTED_OUT, 200, False),
        (Reason.PAGE_OPTED_OUT, 200, False),
        (Reason.ROBOTS_DISALLOWED, None, False),
        (Reason.ADDRESS_REFUSED, None, False),
        (Reason.IMAGE_UNDECODABLE, 200, False),
        (Reason.BODY_TOO_LARGE, 200, False),
        (NO_REASON, 503, False),
    ],
)
def test_only_what_time_may_mend_is_worth_repeating(reason, status, transient):
    assert is_transient(reason, status) is transient
    assert is_transient(str(reason), status) is transient
