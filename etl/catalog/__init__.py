"""What exists, as frozen data: feeds, dimensions, facts, cubes, checks."""
