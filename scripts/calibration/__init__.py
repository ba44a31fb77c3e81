"""How the synthetic marketplace compares with what is published about the real one; reads the files, never the generator."""
