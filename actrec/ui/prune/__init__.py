"""The Prune page: choosing how much goes, seeing what is left, pruning for real, and before and after."""
