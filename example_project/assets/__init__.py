"""The assets, in the order of their flow: settings, flights, features, model, report."""
