"""Which answers of different students have in common what few others have; never who copied."""
