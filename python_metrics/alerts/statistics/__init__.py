"""The daily figures that the alert of columns is made of, from profiles."""
