"""From whole records to typed staging, with rejects and the proof that nothing was lost."""
