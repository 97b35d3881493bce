"""Learning to act from data: no environment is stepped but in tests."""
