"""Whether somebody says the same again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from normalizer.resend import nothing_new, sent_before


@given(st.text(), st.text())
def test_comparing_never_fails(text: str, earlier: str) -> None:
    """Whatever people type is compared, and nothing is new in what stands there already."""
    assert isinstance(sent_before(text, earlier), bool)
    assert nothing_new(text, text)
