"""Run Schemathesis for the kit: prepare its input, start it, and interpret its findings."""
