"""The command line: each command reads its flags and calls the library."""
