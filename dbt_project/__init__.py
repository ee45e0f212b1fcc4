"""The dbt project. A package only so that it is installed with the program; pipeline.dbt runs it, nobody imports it."""
