"""What a record is. This package imports nothing of ours."""
