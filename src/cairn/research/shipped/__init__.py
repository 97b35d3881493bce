"""Tasks that come with the package: made on the spot, small enough for a laptop's processor."""
