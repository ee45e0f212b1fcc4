"""The pipeline and its command line: the steps in their order, dbt, and the commands. Nobody imports it."""
