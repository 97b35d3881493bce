"""Other people's environments: their packages are optional, and imported when one is made."""
