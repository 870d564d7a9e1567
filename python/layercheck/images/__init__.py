"""Images: which images of these repositories can still be pulled, and what is missing."""
