"""A pipeline on all 336,776 flights that left New York City in 2013: how late will a flight leave?

Every asset is kept by autostore in the format of its type; `python -m example_project` runs it all.
"""

import warnings

import dagster as dg

# One run for all months is what this example is about; Dagster calls that parameter beta.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
