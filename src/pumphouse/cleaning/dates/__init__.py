"""Reading dates from text: forms, the order of day and month, what a column of them proves."""
