"""How the target is spoken to, and what it answered."""
