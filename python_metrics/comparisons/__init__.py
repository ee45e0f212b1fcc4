"""Windows against every reference: comparisons, Evidently's own report of a day, and the proof that figures are its."""
