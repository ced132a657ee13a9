"""The Evaluate page: `page` joins the evaluations that are compared, their matrices, the words for them, and the clips behind a cell."""
