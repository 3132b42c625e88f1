"""`python -m autostore`: the command, where its script is not on the path."""

from autostore.cli.main import run

if __name__ == "__main__":
    run()
