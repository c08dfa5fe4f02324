"""The supervisors' pages: from the team to the sound of the moment, served from the store.

Nothing is asked of any other server: pages, scripts and styles come from this package, sound from
the recordings that the store names.
"""

from speechqa.web.app import create_app

__all__ = ["create_app"]
