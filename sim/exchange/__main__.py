"""`python -m sim.exchange`: the exchange command without the rest of the gateway."""

from sim.exchange.cli import app

if __name__ == "__main__":
    app()
