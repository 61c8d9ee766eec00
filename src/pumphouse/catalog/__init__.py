"""What people read of the lake: who uses what, what a bet came to, what nobody reads, and what each asset is."""
