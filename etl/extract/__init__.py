"""From a delivery folder to whole records: find, fingerprint, open, cut. Nothing here knows the database."""
