"""Installs and runs Privet in fresh Debian systems in temporary folders. Started by bin/fresh-debian."""
