"""What single experiments compute: the arithmetic behind a page, or behind two or three alike."""
