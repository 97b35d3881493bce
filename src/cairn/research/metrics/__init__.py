"""What benchmarks of research agents report, from scores that a grader gave."""
