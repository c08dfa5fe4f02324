"""Running over many recordings: planning, isolated workers, commits, and the account.

Nothing is imported here: a worker process loads only what it works with.
"""
