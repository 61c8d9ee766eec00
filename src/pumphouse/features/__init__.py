"""Features at moments, labels, and training sets that never see the future."""
