"""Problems, answers and the curriculum for other people's trainers."""
