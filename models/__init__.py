"""Models that come with the project, and the recipe that makes them."""
