"""Windows in, metric rows out. Knows columns and methods, nothing of any one model's subject."""
