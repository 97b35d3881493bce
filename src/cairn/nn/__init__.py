"""Networks: encoders of observations, a recurrent cell made for the CPU as well, heads."""
