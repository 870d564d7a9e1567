"""Progress for people: bars in a terminal or notebook, and how numbers and times are worded."""
