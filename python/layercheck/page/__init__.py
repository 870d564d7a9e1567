"""A report as one HTML file that opens anywhere: its content, its text from outside, its policy, its HTML."""
