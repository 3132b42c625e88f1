"""A pipeline on all 336,776 flights that left New York City in 2013: how late will a flight leave?

Every asset is kept by autostore in the format of its type; `python -m example_project` runs it all.
"""
