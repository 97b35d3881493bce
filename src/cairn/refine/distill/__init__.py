"""A small refiner, distilled from an expensive one: `refiner.Distilled` is what others use."""
