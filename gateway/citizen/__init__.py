"""The citizens' door: report a problem, keep the receipt, follow the report to its department."""
