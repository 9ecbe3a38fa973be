"""What people see: reports as text, panels and pages, plots that can be read aloud."""
