"""Tasks in the layouts of other benchmarks, read as they lie on disk and run unchanged."""
