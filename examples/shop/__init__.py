"""The shop: an online CD shop of 1997, from raw purchases to a prediction and a verdict."""
