"""Attacks: what somebody who means harm can hand to the program, and that nothing of theirs happens."""
