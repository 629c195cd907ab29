"""The ways a run can end badly, and the exit codes that go with them."""

from __future__ import annotations


class InputRefused(Exception):  # noqa: N818 - it names what happened
    """The user's input is wrong: what, where, and how to mend it, in one line. Exit code 2."""

    exit_code = 2


class StageFailed(Exception):  # noqa: N818 - it names what happened
    """A stage could not finish; what is committed stays, and the same command resumes. Exit code 3."""

    exit_code = 3


class CheckFailed(Exception):  # noqa: N818 - it names what happened
    """What the workflow demands of a release does not hold, so nothing was published. Exit code 1."""

    exit_code = 1
