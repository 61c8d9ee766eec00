"""Models: trained, kept as versions, asked for all entities or one, and judged by what came true."""
