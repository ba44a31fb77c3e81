"""What leaves the warehouse: pages and files for people and other programs."""
