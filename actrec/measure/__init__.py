"""Numbers in, a number and its sentence out: agreement, regions, accuracy, chance, the strongest place. Runs no model."""
