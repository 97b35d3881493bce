"""Every run in a browser, live: what is read of runs, and the pages made of it."""
