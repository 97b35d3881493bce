"""Equal circles on a grid."""

import json
import math

n = 26
side = math.ceil(math.sqrt(n))
radius = 0.5 / side
places = [((2 * i + 1) * radius, (2 * j + 1) * radius) for i in range(side) for j in range(side)]
with open("circles.json", "w") as file:
    json.dump([[x, y, radius] for x, y in places[:n]], file)
