"""How estimators are kept: one module for each form, all of one Protocol. Loading one runs no stranger's code."""
