"""Reading numbers from text: marks, signs, multiples, and what a column of them proves about its decimal mark."""
