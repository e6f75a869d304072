"""Puts Privet into production on this machine, in folders that are thrown away: see bin/fresh-debian."""
