"""E-mail: letters that come by IMAP, and answers that go by SMTP."""
