"""What is released: publishers, models, gates, releases with their files, uploads and model cards."""
