"""From an author's scripts to what is handed out."""
