"""Interpret: make each journaled Inbound what it is, with the reason kept.

A complaint, an amendment, a delivery report, a wish for silence, or nothing to file. In order per sender, restartable
anywhere, and independent of the broker.

What it does to one Inbound happens in one transaction with the journal's mark, so a crash leaves it either undone or
done. An exception here is a bug: the Inbound goes to quarantine, the others pass.
"""

from gateway.interpret.batch import MOST_VERSIONS
from gateway.interpret.interpreter import BATCH, Interpreter

__all__ = ["BATCH", "MOST_VERSIONS", "Interpreter"]
