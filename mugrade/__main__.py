from mugrade.cli import app

app()
