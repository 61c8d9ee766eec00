"""Web sites, walked as far as they allow."""
