"""What may pass: whose exception it is, what no message may show, and how much memory a read may take."""
