"""The first desk: for the people behind the phones, who transcribe, call back, enter what came on paper, and decide."""
