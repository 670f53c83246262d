"""Frameworks of federated learning whose aggregation goes through Privity. Each module needs its framework installed."""
