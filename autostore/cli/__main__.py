"""`python -m autostore.cli`, the same as `autostore`."""

from autostore.cli.main import run

if __name__ == "__main__":
    run()
