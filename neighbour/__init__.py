"""«Привет Супер» and the older manager system as tests and developers need them: their tables, and what the app runs.

Not part of the production image. Imports nothing of ours.
"""
