"""From staging to the star: dimensions with history, facts with surrogate keys, cubes kept by deltas."""
