"""Sum of the radii of circles that fit, by conditions that must all hold."""

TOLERANCE = 1e-9


def grade(results, answers):
    """`numbers` has refused whatever is not finite."""
    n = answers.json("n.json")
    circles = results.numbers("circles.json", n, 3)
    for i, (x, y, r) in enumerate(circles):
        inside = r <= x + TOLERANCE and x + r <= 1 + TOLERANCE
        inside = inside and r <= y + TOLERANCE and y + r <= 1 + TOLERANCE
        if not (r > 0 and inside):
            return {"invalid": f"circle {i} must have a radius above 0 and lie in the square"}
        for j, (u, v, s) in enumerate(circles[:i]):
            if not ((x - u) ** 2 + (y - v) ** 2) ** 0.5 >= r + s - TOLERANCE:
                return {"invalid": f"circles {j} and {i} overlap"}
    return sum(r for _, _, r in circles)
