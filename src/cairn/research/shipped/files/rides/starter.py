"""Predict the mean of the training rows."""

import csv

with open("train/train.csv") as file:
    targets = [float(row["y"]) for row in csv.DictReader(file)]
mean = sum(targets) / len(targets)
with open("inputs/inputs.csv") as file:
    ids = [row["id"] for row in csv.DictReader(file)]
with open("predictions.csv", "w") as file:
    file.write("id,y\n")
    for i in ids:
        file.write(f"{i},{mean}\n")
