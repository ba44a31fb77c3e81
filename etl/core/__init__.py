"""The machine. No business table is named here."""
