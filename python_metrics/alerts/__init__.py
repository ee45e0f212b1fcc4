"""The calibrated alert: from daily figures to decisions with a stated budget of false alarms."""
